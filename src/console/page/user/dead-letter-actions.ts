/** What is done to a user's dead letters, and what it says that it did. */
import type { DeadLetterReason } from "../../../protocol/message.ts";
import type { RequeuedReply } from "../../../protocol/replies.ts";
import { call, type Failure, query, userPath } from "../api.ts";
import { counted } from "../parts/amount.ts";
import { notify, tell } from "../parts/notices.tsx";

type Discarded = { readonly discarded: number };

export const requeueAll = async (user: string, reason: DeadLetterReason | undefined): Promise<void> => {
  const path = userPath(user, `/dead-letters/requeue${query({ reason })}`);
  const reply = await call<RequeuedReply>(path, { method: "POST" });
  tell(reply, ({ requeued, left }) => {
    const rest = left === 0 ? "" : ` ${left} found no room, and stay.`;
    return `Requeued ${counted(requeued.length, "dead letter")}.${rest}`;
  });
};

export const discardAll = async (user: string, reason: DeadLetterReason | undefined): Promise<void> => {
  const reply = await call<Discarded>(userPath(user, `/dead-letters${query({ reason })}`), { method: "DELETE" });
  tell(reply, ({ discarded }) => `Deleted ${counted(discarded, "dead letter")}.`);
};

type Say = (progress: string) => void;

export const requeueEach = (user: string, seqs: readonly number[], say: Say): Promise<void> =>
  each(seqs, say, "Requeued", (seq) => call(userPath(user, `/dead-letters/${seq}/requeue`), { method: "POST" }));

export const discardEach = (user: string, seqs: readonly number[], say: Say): Promise<void> =>
  each(seqs, say, "Deleted", (seq) => call(userPath(user, `/dead-letters/${seq}`), { method: "DELETE" }));

/** One after another: requeued in their order they are delivered in it. */
const each = async (
  seqs: readonly number[],
  say: Say,
  verb: string,
  act: (seq: number) => Promise<{ readonly ok: true } | Failure>,
): Promise<void> => {
  let done = 0;
  for (const seq of seqs) {
    const reply = await act(seq);
    // Somebody else, or its 30 days, came first: what was wanted is so.
    if (!reply.ok && reply.code !== "unknown_dead_letter") {
      return notify(`${verb} ${done} of ${counted(seqs.length, "dead letter")}. ${reply.detail}`, "failed");
    }
    if (reply.ok) done += 1;
    if (seqs.length > 1) say(`${verb} ${done} of ${seqs.length} …`);
  }
  const gone = seqs.length - done;
  notify(`${verb} ${counted(done, "dead letter")}.${gone === 0 ? "" : ` ${counted(gone, "other")} had gone already.`}`);
};
