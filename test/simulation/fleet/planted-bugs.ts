/** Bugs that somebody could make between a Mailbox, the index of who needs a person, and the jobs that work through it. */
import { bug, type PlantedBug, rareBug } from "../planted-bug.ts";

export const PLANTED_FLEET_BUGS: readonly PlantedBug[] = [
  // ── Entering the list, and leaving it ──
  bug("[N4] a report that is late brings back what was", "monitor/attention-index.ts", [
    "WHERE excluded.version > version`",
    "WHERE excluded.version <> version`",
  ]),
  rareBug(
    25,
    "[N4] who has left is forgotten at once, and a late report brings them back",
    "monitor/attention-index.ts",
    ["version - GONE_MS", "version + 1"],
  ),
  bug("[N4] a report is taken as told before the index has it", "mailbox/attention-teller.ts", [
    "      await this.#index().attend(",
    "      this.#turns.turn(() => this.#turns.core().outbox.attention.told(stamp));\n      await this.#index().attend(",
  ]),
  bug("[N4] what has changed while a report was under way is taken as told", "outbox/attention.ts", [
    'return facts.set("attention_told", stamp);',
    'return facts.set("attention_told", facts.get("attention") ?? stamp);',
  ]),
  bug("[N4] a report that failed is not made again", "mailbox/attention-teller.ts", [
    "      this.#isUnderWay = false;\n      this.#notBefore",
    "      this.#notBefore",
  ]),
  bug("[N4] no alarm for a report that failed", "mailbox/attention-teller.ts", [
    "return this.#isUnderWay ? now + AGAIN_MS : Math.max(this.#notBefore, now);",
    "return undefined;",
  ]),
  bug("[N4] webhooks that were given up are no reason", "outbox/attention.ts", [
    "(webhooks.failed > 0",
    "(webhooks.failed < 0",
  ]),

  // ── Jobs ──
  bug("[N5] a full page of users is taken for the last", "monitor/bulk-jobs.ts", [
    "mailboxes.length < USERS_AT_ONCE ?",
    "mailboxes.length <= USERS_AT_ONCE ?",
  ]),
  bug("[N5] the next share begins where the last one ended", "monitor/bulk-jobs.ts", [
    'shard: shard + 1, after: "" }',
    'shard: shard + 1, after: mailboxes.at(-1) ?? "" }',
  ]),
  bug("[N5] the last share is left out", "monitor/bulk-jobs.ts", [
    "if (name === undefined) return",
    "if (name === undefined || shard === attentionShards.length - 1) return",
  ]),
  bug("[N5] how far a job is, is written before its step is done", "monitor/bulk-jobs.ts", [
    "    const outcomes = await Promise.all(",
    "    this.#write(job, mailboxes.length < USERS_AT_ONCE ? { shard: shard + 1, after: '' } : { shard, after: mailboxes.at(-1) ?? '' });\n" +
      "    const outcomes = await Promise.all(",
  ]),
  bug("[N5] of one user only a step is done", "monitor/bulk-jobs.ts", ["while (all.more) {", "if (all.more) {"]),
  bug("[N5] who could not be reached is not counted", "monitor/bulk-jobs.ts", [
    "usersFailed: job.usersFailed + usersFailed,",
    "usersFailed: job.usersFailed,",
  ]),
  rareBug(75, "[N5] a job that was stopped in a step goes on", "monitor/bulk-jobs.ts", [
    "const { status } = this.find(id) ?? job;",
    "const { status } = job;",
  ]),
  bug("[N5] a job whose step has failed has no alarm", "monitor/bulk-jobs.ts", ["next += RETRY_MS;", "return;"]),
  bug("[N5, D7] a step that is repeated requeues again", "outbox/accepting.ts", [
    "tables.deadLetters.remove(letters.slice(0, requeued.length).map((letter) => letter.seq));",
    "tables.deadLetters.remove(letters.slice(1, requeued.length).map((letter) => letter.seq));",
  ]),
];
