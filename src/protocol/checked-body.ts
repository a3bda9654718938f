/** Outside input in a body or a frame through a schema, once, at the edge; what does not fit comes back as a refusal that says where. */
import * as v from "valibot";
import { type Checked, granted, type Refusal, refuse } from "./errors.ts";
import { escapePointer, type JsonFault } from "./i-json.ts";

export const FAULTS_MAX = 20;

export const pathOf = (issue: v.BaseIssue<unknown>): readonly string[] =>
  issue.path?.map((part) => String(part.key)) ?? [];

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
