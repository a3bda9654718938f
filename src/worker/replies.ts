/** How the Mailbox's answers read on the wire: snake_case, times as RFC 3339, stored JSON spliced in as it is. */
import { rfc3339 } from "../protocol/instant.ts";
import type { DeadLetter, HeldMessage, Page } from "../protocol/mailbox-api.ts";
import type { MessageState } from "../protocol/message.ts";
import { messageReply } from "../protocol/outcomes.ts";

/** An object's JSON, with more members, those that there are, whose values are JSON text already. */
const withTexts = (body: object, texts: Readonly<Record<string, string | undefined>>): string => {
  let text = JSON.stringify(body);
  for (const [name, json] of Object.entries(texts)) {
    if (json !== undefined) text = `${text.slice(0, -1)},"${name}":${json}}`;
  }
  return text;
};

const topicOf = (m: { readonly topic?: string }) => (m.topic === undefined ? {} : { topic: m.topic });

/** S10: S7's object, and the message itself while it is held. */
export const stateReply = (m: HeldMessage | MessageState): string =>
  "type" in m
    ? withTexts({ ...messageReply(m), type: m.type, ...topicOf(m) }, { trail: m.trail, data: m.data })
    : JSON.stringify(messageReply(m));

/** D7. */
export const deadLetterReply = (d: DeadLetter): string =>
  withTexts(
    {
      seq: d.seq,
      id: d.id,
      type: d.type,
      ...topicOf(d),
      reason: d.reason,
      ...(d.rejectReason === undefined ? {} : { reject_reason: d.rejectReason }),
      accepted_at: rfc3339(d.acceptedAt),
      ended_at: rfc3339(d.endedAt),
      ...(d.requeuedFrom === undefined ? {} : { requeued_from: d.requeuedFrom }),
    },
    { trail: d.trail, data: d.data },
  );

/** A page, its entries as text; without `next` it is the last. */
export const pageReply = <T>(name: string, page: Page<T>, entry: (item: T) => string): string =>
  `{"${name}":[${page.items.map(entry).join(",")}]${page.next === undefined ? "" : `,"next":${page.next}`}}`;
