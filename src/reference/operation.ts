/** How an operation is put into words: what a route takes and answers, for people and tools. */
import type * as v from "valibot";
import type { HttpErrorCode } from "../protocol/errors.ts";
import type { ReplyHeader, RequestHeader } from "./headers.ts";
import type { SchemaName } from "./schemas.ts";

export interface Operation {
  /** `operationId`. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  /** What the parts do not say; the ids are those of PROTOCOL.md's rules. */
  readonly description: string;
  readonly query: { readonly entries: Readonly<Record<string, v.GenericSchema>> };
  readonly headers?: readonly RequestHeader[];
  readonly body?: Body;
  /** By status. */
  readonly replies: Readonly<Record<number, Reply>>;
  /** Beside those that its plane, its path and its body bring with them. */
  readonly errors?: readonly HttpErrorCode[];
}

export const TAGS = {
  sending: "From a backend, with an API key: messages to a user.",
  user: "From a backend, with an API key: a user's state, tokens and erasure.",
  deadLetters: "From a backend, with an API key: what ended undelivered.",
  silence: "For operators, with an API key: who needs a person, what is done about it for all users, and webhooks.",
  connecting: "From a client, with a user token: the stream of messages.",
  operating: "Whether the deployment works, and what it speaks.",
} as const;
type Tag = keyof typeof TAGS;

export interface Body {
  readonly schema: SchemaName;
  readonly isOptional?: true;
  readonly example: unknown;
  /** It may also come as lines of this, NDJSON. */
  readonly lines?: SchemaName;
}

export interface Reply {
  readonly description: string;
  /** A JSON body; or another media type, or several, whose body is text. */
  readonly schema?: SchemaName;
  readonly text?: string | readonly string[];
  readonly headers?: readonly ReplyHeader[];
}

export const json = (schema: SchemaName, description: string, headers: readonly ReplyHeader[] = []): Reply => ({
  schema,
  description,
  headers,
});

export const document = (what: string): Reply => ({
  description: what,
  text: "application/json",
  headers: ["Cache-Control"],
});
