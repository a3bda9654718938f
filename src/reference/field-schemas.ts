/** What several schemas have: fields of replies and frames. */
import * as v from "valibot";
import { SHAPES } from "../protocol/identifiers.ts";
import type { MessageEnd, MessageStatus } from "../protocol/message.ts";

export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.description("A place in the user's order."));
export const instant = v.pipe(v.string(), v.isoTimestamp(), v.description("RFC 3339 in UTC with milliseconds."));
export const name = v.string();
export const device = v.pipe(v.string(), v.metadata({ ...SHAPES.device }));

const ENDS: Readonly<Record<MessageEnd, true>> = {
  delivered: true,
  expired: true,
  rejected: true,
  undeliverable: true,
  replaced: true,
  recalled: true,
  dropped: true,
  erased: true,
};
const ends = Object.keys(ENDS) as MessageEnd[];
export const end = v.picklist(ends);
export const status = v.picklist(["queued", ...ends] satisfies MessageStatus[]);
