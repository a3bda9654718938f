/** Every body there is, by its name in the OpenAPI document. */
import * as v from "valibot";
import * as http from "../protocol/http.ts";
import { LIMITS } from "../protocol/limits.ts";
import { LiveFrame } from "./live-schemas.ts";
import * as replies from "./reply-schemas.ts";
import { TrailStep } from "./trail-schema.ts";

/** The service looks at each message by itself, so that one that is not well formed spoils no other. */
const BatchBody = v.strictObject({
  messages: v.pipe(v.array(http.batchMessage), v.minLength(1), v.maxLength(LIMITS.batchMaxMessages)),
});

export const SCHEMAS = {
  NewMessage: http.sendBody,
  NewMessageTo: http.batchMessage,
  Batch: BatchBody,
  TokenOrder: http.tokenBody,
  RequeueOrder: http.requeueBody,
  Ack: http.ackBody,
  Reject: http.rejectBody,
  TrailStep,
  ...replies,
  LiveFrame,
};
export type SchemaName = keyof typeof SCHEMAS;
