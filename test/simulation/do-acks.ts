/** What clients say of what they were sent, by frame and by POST: acks and rejections (C5, C6, C10). */
import type { Acknowledgement } from "../../src/protocol/mailbox-api.ts";
import { pickConnection, receive, type Taken } from "./do-streams.ts";
import { same } from "./mismatch.ts";
import type { Connection } from "./model-connection.ts";
import { noteAck } from "./model-devices.ts";
import { checkComplete } from "./model-stream.ts";
import type { Death, Op } from "./operations.ts";
import type { Referee } from "./referee.ts";

/** The same in a request of its own: a fault is its answer, and closes nothing; and what was answered, no crash takes back. */
const post = (
  referee: Referee,
  c: Connection,
  said: Acknowledgement,
  fits: boolean,
  taken: Taken,
  dies?: Death,
): void => {
  const { model } = referee;
  const turn = referee.turn(
    (delivery, now) => delivery.acknowledge(c.id, { issuedAt: now, expiresAt: now }, said, now),
    dies,
  );
  if (turn === undefined) return;
  const { now, result } = turn;
  const answer = now >= c.expiresAt ? "unknown_connection" : fits ? "ok" : "invalid_request";
  const expected = now <= model.revokedAt ? "token_revoked" : answer;
  same(result.ok ? "ok" : result.code, expected, "C10", () => `answer to ${JSON.stringify(said)} of ${c.id}`);
  const isNews = result.ok && taken(now);
  if (result.ok) {
    same(result.acked, c.acked, "C10", () => `acked of ${c.id}`);
    same(result.checkpoint, c.checkpoint, "C10", () => `checkpoint of ${c.id}`);
    model.allDurable();
  }
  referee.perform(turn);
  if (isNews && turn.kind === "done") checkComplete(model, c, now);
  referee.settle(turn);
};

/** By frame or by POST; what does not `fit` is a fault of the client. */
const say = (
  referee: Referee,
  c: Connection,
  said: Acknowledgement,
  fits: boolean,
  taken: Taken,
  op: { readonly posted: boolean; readonly dies?: Death },
): void => {
  if (op.posted) return post(referee, c, said, fits, taken, op.dies);
  return receive(referee, c, JSON.stringify(said), fits ? undefined : 4400, taken, op.dies);
};

const ack = (
  referee: Referee,
  c: Connection,
  seq: number,
  checkpoint: number | undefined,
  op: { readonly posted: boolean; readonly dies?: Death },
): void => {
  const taken = (now: number) => {
    const { model } = referee;
    if (seq < c.acked) return false;
    model.ackRange(c.acked, seq, now);
    noteAck(model, c, seq, checkpoint ?? seq, now);
    const memory = referee.memory.get(c.device);
    if (memory !== undefined) memory.acked = Math.max(memory.acked, seq);
    return true;
  };
  say(referee, c, { type: "ack", seq, checkpoint }, true, taken, op);
};

export const doAck = (referee: Referee, op: Extract<Op, { do: "ack" }>): void => {
  const c = pickConnection(referee, op.conn);
  const seq = c?.unacked[Math.min(op.count, c.unacked.length) - 1];
  if (c === undefined || seq === undefined) return;
  const half = c.unacked[Math.floor((Math.min(op.count, c.unacked.length) - 1) / 2)] as number;
  const checkpoint = op.checkpoint === "none" ? undefined : op.checkpoint === "stay" ? c.checkpoint : half;
  ack(referee, c, seq, checkpoint, op);
};

/** Acks all that its client has; false where there is nothing. */
export const ackAll = (referee: Referee, c: Connection): boolean => {
  const seq = c.unacked.at(-1);
  if (seq === undefined) return false;
  ack(referee, c, seq, undefined, { posted: false });
  return true;
};

export const doOddAck = (referee: Referee, op: Extract<Op, { do: "odd_ack" }>): void => {
  const c = pickConnection(referee, op.conn);
  if (c === undefined) return;
  const isWrong = (seq: number, checkpoint?: number) =>
    say(referee, c, { type: "ack", seq, checkpoint }, false, () => false, op);
  switch (op.kind) {
    case "stale":
      return ack(referee, c, Math.max(0, c.acked - 1), undefined, op);
    case "again":
      // The same ack with its checkpoint where the ack is: the answer is complete now (C5).
      return ack(referee, c, c.acked, undefined, op);
    case "beyond":
      return isWrong(c.sent + 1);
    case "checkpoint_beyond":
      return isWrong(c.sent, c.sent + 1);
  }
};

export const doReject = (referee: Referee, op: Extract<Op, { do: "reject" }>): void => {
  const c = pickConnection(referee, op.conn);
  const seq = c?.unacked[Math.min(op.count, c.unacked.length) - 1];
  if (c === undefined || seq === undefined) return;
  const reason = `cannot ${seq}`;
  const taken = (now: number) => {
    const { model } = referee;
    const first = c.firstOf(seq);
    model.reject(c.acked, first, seq, reason, now);
    noteAck(model, c, seq, seq, now, first);
    return true;
  };
  say(referee, c, { type: "reject", seq, reason }, true, taken, op);
};
