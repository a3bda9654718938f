/** Replies to those who wait for a message to end (S3, S5). */
import { type MessageState, serverId } from "../protocol/message.ts";
import { flush } from "./acks.ts";
import type { Desk } from "./desk.ts";
import type { Wait } from "./effects.ts";
import { type Ephemeral, ephemeralState } from "./ephemerals.ts";

/** Replies to those whose message has ended in this turn. */
export const settleWaits = (desk: Desk, now: number): void => {
  for (const seq of desk.outbox.maybeEnded(desk.waits.seqs())) {
    if (desk.ephemerals.get(seq) !== undefined) continue;
    const known = desk.outbox.state(seq, now);
    if (known === undefined || known.status === "queued") continue;
    reply(desk, seq, desk.stateOf(known));
  }
};

export const reply = (desk: Desk, seq: number, message: MessageState): void => {
  for (const wait of desk.waits.take(seq)) desk.effects.push({ kind: "ended", wait, message });
};

/** A wait is over before its message has ended; gives the state to reply with, which may be an end after all. */
export const waitOver = (desk: Desk, wait: Wait & { readonly seq: number }, now: number): MessageState | undefined => {
  flush(desk, now);
  const ephemeral = desk.ephemerals.get(wait.seq);
  if (ephemeral !== undefined) {
    desk.waits.drop(wait.call, wait.index);
    // The longest wait for it decides when it is over.
    return desk.waits.has(wait.seq)
      ? ephemeralState(ephemeral, "queued", desk.outbox.devices.count, now)
      : endEphemeral(desk, ephemeral, "dropped", now);
  }
  desk.outbox.sweepRange(wait.seq - 1, wait.seq, now);
  const known = desk.outbox.state(wait.seq, now);
  settleWaits(desk, now);
  desk.waits.drop(wait.call, wait.index);
  return known === undefined ? undefined : desk.stateOf(known);
};

/**
 * The caller has gone away: nobody needs the reply (S3). False where its wait is also what ends a message that is never
 * stored (S5): it goes on then.
 */
export const stopWaiting = (desk: Desk, call: number): boolean => {
  if (desk.ephemerals.all().some(({ seq }) => desk.waits.isOf(seq, call))) return false;
  desk.waits.drop(call);
  return true;
};

export const endEphemeral = (
  desk: Desk,
  ephemeral: Ephemeral,
  end: "delivered" | "dropped",
  now: number,
): MessageState => {
  desk.ephemerals.take(ephemeral.seq);
  desk.measured.count(`ephemeral_${end}`);
  noteEphemeralEnd(desk, ephemeral, end);
  desk.outbox.rememberEphemeral(ephemeral.message, ephemeral.seq, end, ephemeral.acceptedAt, now);
  return ephemeralState(ephemeral, end, desk.outbox.devices.count, now);
};

/** As operators are told of it (N6). */
export const noteEphemeralEnd = (
  { outbox }: Desk,
  { seq, message }: Ephemeral,
  status: "delivered" | "dropped" | "erased",
): void => {
  outbox.witness.seen?.push({ type: "ended", seq, id: message.id ?? serverId(seq), status });
};

export const settleEphemeral = (desk: Desk, ephemeral: Ephemeral, end: "delivered" | "dropped", now: number): void => {
  reply(desk, ephemeral.seq, endEphemeral(desk, ephemeral, end, now));
};
