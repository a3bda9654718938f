/** How what an operator asks over all users reads on the wire (N4, N5). */
import { ATTENTION_REASONS, type Attention, bitOf, reasonsOf } from "../protocol/attention.ts";
import { rfc3339 } from "../protocol/instant.ts";
import type { AttentionShare, Job } from "../protocol/monitor-api.ts";
import type { AttentionPage, AttentionUser, JobReply } from "../protocol/replies.ts";

/** One page of what all shares gave of theirs. */
export const attentionPage = (shares: readonly AttentionShare[], limit: number): AttentionPage => {
  const all = shares.flatMap((share) => share.users).sort(inOrder);
  const users = all.slice(0, limit);
  const last = users.at(-1);
  const isMore = all.length > users.length || shares.some((share) => share.users.length === limit);
  const total = shares.reduce((sum, share) => sum + share.total, 0);
  return {
    users: users.map(reply),
    total,
    reasons: Object.fromEntries(
      ATTENTION_REASONS.map((reason) => [reason, shares.reduce((sum, share) => sum + countOf(share, reason), 0)]),
    ) as AttentionPage["reasons"],
    ...(isMore && last !== undefined ? { next: `${last.since}.${last.mailbox}` } : {}),
  };
};

const countOf = ({ byReason }: AttentionShare, reason: (typeof ATTENTION_REASONS)[number]): number =>
  byReason.find(([bit]) => bit === bitOf(reason))?.[1] ?? 0;

const inOrder = (a: Attention, b: Attention): number => a.since - b.since || (a.mailbox < b.mailbox ? -1 : 1);

const reply = ({ user, mailbox, reasons, since, updatedAt }: Attention): AttentionUser => ({
  user,
  reasons: reasonsOf(reasons),
  since: rfc3339(since),
  updated_at: rfc3339(updatedAt),
  mailbox,
});

export const jobReply = ({ id, action, status, range, ...job }: Job): JobReply => ({
  id,
  action,
  status,
  ...(range.reason === undefined ? {} : { reason: range.reason }),
  ...(range.since === undefined ? {} : { since: rfc3339(range.since) }),
  until: rfc3339(range.until),
  ...(job.ttlMs === undefined ? {} : { ttl: job.ttlMs / 1_000 }),
  users: { total: job.usersTotal, done: job.usersDone, failed: job.usersFailed },
  dead_letters: { done: job.done, left: job.left },
  started_at: rfc3339(job.startedAt),
  updated_at: rfc3339(job.updatedAt),
});
