/** A request's body: read with a hard bound, or let go in a way that keeps the connection alive. */
import type * as v from "valibot";
import { badBody, checkBody } from "../protocol/checked-body.ts";
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { parseJson } from "../protocol/i-json.ts";
import { LIMITS } from "../protocol/limits.ts";

export const JSON_TYPE = /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json\s*(?:;|$)/i;

// A byte order mark stays in the text, for the parser to refuse.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a JSON body through a schema. Where a body is `optional`, none at all is `{}`. */
export const readJson = async <S extends v.GenericSchema>(
  request: Request,
  schema: S,
  presence: "required" | "optional",
): Promise<Checked<v.InferOutput<S>>> => {
  const type = request.headers.get("content-type");
  if (type !== null && !JSON_TYPE.test(type)) {
    return refuse("unsupported_media_type", "Send the body as Content-Type: application/json.");
  }
  const text = await readText(request, LIMITS.bodyMaxBytes);
  if (!text.ok) return text;
  if (text.value === "") {
    return presence === "optional"
      ? checkBody(schema, {})
      : badBody([{ pointer: "", detail: "It is empty; a JSON object is needed." }]);
  }
  const parsed = parseJson(text.value);
  return parsed.ok ? checkBody(schema, parsed.value) : badBody(parsed.faults);
};

/** A body as text; none at all is empty. */
export const readText = async (request: Request, maxBytes: number): Promise<Checked<string>> => {
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > maxBytes) return tooLarge(maxBytes);
  let bytes: Checked<Uint8Array>;
  try {
    bytes = await readWhole(request, declared, maxBytes);
  } catch {
    return refuse(
      "invalid_request",
      "The body broke off, or is not framed well: send it again. Nothing of it was taken.",
    );
  }
  if (!bytes.ok) return bytes;
  try {
    return granted(utf8.decode(bytes.value));
  } catch {
    return badBody([{ pointer: "", detail: "It is not UTF-8." }]);
  }
};

const tooLarge = (maxBytes: number): Refusal =>
  refuse("message_too_large", `A body has at most ${maxBytes} bytes here. Nothing of it was taken.`);

const readWhole = async (request: Request, declared: string | null, maxBytes: number): Promise<Checked<Uint8Array>> => {
  // A declared length is what frames the body, so it bounds it, and the whole comes in one go, without a stream.
  if (declared !== null) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    return bytes.length > maxBytes ? tooLarge(maxBytes) : granted(bytes);
  }
  if (request.body === null) return granted(new Uint8Array());
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) return tooLarge(maxBytes);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return granted(bytes);
};

/** Reads away a body that nobody read: one left unread resets a keep-alive connection. A huge one is not worth that. */
export const drain = async (request: Request): Promise<void> => {
  // In this order: asking for the body makes a stream of it.
  if (request.bodyUsed || request.body === null) return;
  try {
    let size = 0;
    for await (const chunk of request.body as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > LIMITS.bodyMaxBytes) return;
    }
  } catch {
    // Who sent it is gone.
  }
};
