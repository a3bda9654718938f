/** Outside input through a schema, once, at the edge; what does not fit comes back as a refusal that says where. */
import * as v from "valibot";
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { escapePointer, type JsonFault } from "../protocol/i-json.ts";

const FAULTS_MAX = 20;

type Issues = readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]];

const pathOf = (issue: v.BaseIssue<unknown>): readonly string[] => issue.path?.map((part) => String(part.key)) ?? [];

/** A JSON body, parsed already; `noun` is what it is called. */
export const checkBody = <S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  noun = "body",
): Checked<v.InferOutput<S>> => {
  // To the schemas an array is an object without fields.
  if (Array.isArray(value)) return badBody([{ pointer: "", detail: "A JSON object is needed." }], noun);
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return granted(parsed.output);
  return badBody(
    parsed.issues.slice(0, FAULTS_MAX).map((issue) => ({
      pointer: pathOf(issue)
        .map((key) => `/${escapePointer(key)}`)
        .join(""),
      detail: issue.message,
    })),
    noun,
  );
};

/** What is wrong with a body, each with a pointer into it. */
export const badBody = (errors: readonly JsonFault[], noun = "body"): Refusal => {
  const [first] = errors;
  const where = first?.pointer ? `${first.pointer} in the ${noun}` : `The ${noun}`;
  return refuse("invalid_request", `${where}: ${first?.detail}`, { extra: { errors } });
};

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
