/** Where a deployment's objects may live; fixed at its first use, since it is part of what an object is (S12). */
import { type Environment, textOf } from "./environment.ts";

const JURISDICTIONS = ["eu", "fedramp", "fedramp-high", "us"] as const;
type Jurisdiction = (typeof JURISDICTIONS)[number];

export const jurisdictionOf = (env: Environment): Jurisdiction | undefined => {
  const name = textOf(env, "JURISDICTION");
  return JURISDICTIONS.find((jurisdiction) => jurisdiction === name);
};

/** Objects as they may be placed; `namespace` is a Durable Object class's. */
export const inJurisdiction = <N extends { jurisdiction(name: Jurisdiction): N }>(
  env: Environment,
  namespace: N,
): N => {
  const jurisdiction = jurisdictionOf(env);
  return jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
};

export const jurisdictionFaults = (env: Environment): readonly string[] => {
  const name = textOf(env, "JURISDICTION");
  if (name === undefined || jurisdictionOf(env) !== undefined) return [];
  return [`JURISDICTION is one of ${JURISDICTIONS.join(", ")}; it is ${JSON.stringify(name)}.`];
};
