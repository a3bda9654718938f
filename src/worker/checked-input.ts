/** Queries and headers through a schema, once, at the edge; what does not fit comes back as a refusal that says where. */
import * as v from "valibot";
import { FAULTS_MAX, pathOf } from "../protocol/checked-body.ts";
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { escapePointer } from "../protocol/i-json.ts";

type Issues = readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]];

export const checkQuery = <S extends v.GenericSchema>(schema: S, query: string): Checked<v.InferOutput<S>> => {
  const parameters = new Map<string, string>();
  for (const [name, value] of query === "" ? [] : new URLSearchParams(query)) {
    if (parameters.has(name)) {
      return refuse("invalid_request", `The query has ${escapePointer(name)} twice: give it once.`);
    }
    parameters.set(name, value);
  }
  const parsed = v.safeParse(schema, Object.fromEntries(parameters));
  return parsed.success ? granted(parsed.output) : badNames("parameter", parsed.issues);
};

export const checkHeaders = <S extends v.GenericSchema>(
  schema: S,
  headers: Readonly<Record<string, string>>,
): Checked<v.InferOutput<S>> => {
  const parsed = v.safeParse(schema, headers);
  return parsed.success ? granted(parsed.output) : badNames("header", parsed.issues);
};

/** Parameters and headers have names, not pointers. */
const badNames = (kind: "parameter" | "header", issues: Issues): Refusal => {
  const errors = issues
    .slice(0, FAULTS_MAX)
    .map((issue) => ({ [kind]: (pathOf(issue)[0] ?? "").slice(0, 128), detail: issue.message }));
  const [first] = errors;
  return refuse("invalid_request", `The ${kind} ${first?.[kind]}: ${first?.detail}`, { extra: { errors } });
};
