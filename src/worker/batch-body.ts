/** A batch as it comes (S9): a JSON object with a list, or NDJSON, a message a line. What is wrong with one message spoils no other. */
import { badBody, checkBody } from "../protocol/checked-body.ts";
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { BATCH, batchBody } from "../protocol/http.ts";
import { faultsIn, parseJson, parsePlainJson } from "../protocol/i-json.ts";
import { LIMITS } from "../protocol/limits.ts";
import { JSON_TYPE, readText } from "./request-body.ts";

const NDJSON_TYPE = /^application\/x-ndjson\s*(?:;|$)/i;

/** The messages of a batch, in order: each a JSON value, or what is wrong with its JSON. */
export type BatchValues = readonly Checked<unknown>[];

export const readBatch = async (request: Request): Promise<Checked<BatchValues>> => {
  const type = request.headers.get("content-type") ?? "application/json";
  const isNdjson = NDJSON_TYPE.test(type);
  if (!isNdjson && !JSON_TYPE.test(type)) {
    return refuse("unsupported_media_type", "Send a batch as application/json, or as application/x-ndjson.");
  }
  const text = await readText(request, LIMITS.batchMaxBytes);
  if (!text.ok) return text;
  if (isNdjson) return valuesOfLines(text.value);
  const parsed = parsePlainJson(text.value);
  return parsed.ok ? valuesOf(parsed.value) : badBody(parsed.faults);
};

/** The values of a batch that is a JSON value already. */
export const valuesOf = (batch: unknown): Checked<BatchValues> => {
  const body = checkBody(batchBody, batch);
  if (!body.ok) return body;
  return granted(
    body.value.messages.map((value): Checked<unknown> => {
      const faults = faultsIn(value);
      return faults.length === 0 ? granted(value) : badBody(faults, "message");
    }),
  );
};

const valuesOfLines = (text: string): Checked<BatchValues> => {
  const trimmed = text.trimEnd();
  // No more than it takes to see that there are too many.
  const lines = trimmed === "" ? [] : trimmed.split("\n", LIMITS.batchMaxMessages + 1);
  if (lines.length === 0 || lines.length > LIMITS.batchMaxMessages) return badBody([{ pointer: "", detail: BATCH }]);
  return granted(
    lines.map((line): Checked<unknown> => {
      const parsed = parseJson(line);
      return parsed.ok ? granted(parsed.value) : badBody(parsed.faults, "message");
    }),
  );
};
