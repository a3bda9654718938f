/** What the webhook is told of: the ends of dead letters, and what nobody has acked by its time. In the transaction in which it happens. */
import { contentOf } from "../protocol/frames.ts";
import { rfc3339 } from "../protocol/instant.ts";
import { type DeadLetterReason, serverId } from "../protocol/message.ts";
import type { Held } from "./pack-heads.ts";
import type { Tables } from "./tables.ts";

/** Messages on their way to their dead letters, each told of as it passes: where its end is, and where its fallback is still to come. */
export function* telling(
  tables: Tables,
  messages: Iterable<Held>,
  end: DeadLetterReason,
  now: number,
): Generator<Held> {
  for (const held of messages) {
    // It will never be acked: its time does not matter any more.
    if (held.head.fallbackAt !== null) tellFallback(tables, held, now);
    const event = `message.${end}` as const;
    if (tables.settings.webhookEvents.includes(event)) tell(tables, end, held, endedAt(held, end, now), now);
    yield held;
  }
}

const endedAt = ({ head }: Held, end: DeadLetterReason, now: number): number =>
  end === "expired" ? head.expiresAt : now;

export const tellFallback = (tables: Tables, held: Held, now: number): void => tell(tables, "fallback", held, now, now);

const tell = (
  tables: Tables,
  what: "fallback" | DeadLetterReason,
  { head, entry }: Held,
  at: number,
  now: number,
): void => {
  const event = `message.${what}`;
  const { type, data } = contentOf(entry);
  const about = {
    ...(tables.facts.owner === undefined ? {} : { user: tables.facts.owner }),
    id: head.id ?? serverId(head.seq),
    seq: head.seq,
    accepted_at: rfc3339(head.acceptedAt),
    expires_at: rfc3339(head.expiresAt),
    devices: tables.devices.count,
    ...(head.rejectReason === null ? {} : { reject_reason: head.rejectReason }),
    ...(head.requeuedFrom === null ? {} : { requeued_from: head.requeuedFrom }),
    ...(head.topic === null ? {} : { topic: head.topic }),
    type,
  };
  // A message's data is JSON text already.
  const text = `${JSON.stringify(about).slice(0, -1)}${data === undefined ? "" : `,"data":${data}`}}`;
  const body = `{"type":"${event}","timestamp":"${rfc3339(at)}","data":${text}}`;
  // One event of one message has one id, however often it is told: a user's seqs are never given out again (D10).
  const id = `msg_${tables.name.slice(0, 32)}_${head.seq}_${what}`;
  tables.webhooks.add({ id, event, seq: head.seq, body }, now);
  tables.measured.count(`webhooks_${what}`);
};
