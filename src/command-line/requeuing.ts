/** Sending dead letters again, or throwing them away: `requeue`, `discard`; of one user (D7), or of all (N5). */
import { DEAD_LETTER_REASONS } from "../protocol/message.ts";
import {
  type AttentionCounts,
  type DeadLetterChoice,
  type DeadLetterReason,
  type Job,
  SendError,
} from "../sender/sender.ts";
import { asked } from "./asking.ts";
import { countsText } from "./attention.ts";
import type { Call, Command, ExitCode } from "./command.ts";
import { detached, followed } from "./jobs.ts";
import { type Options, oneOf, seconds, times } from "./options.ts";
import { counted, dim, type Part, warn } from "./screen.ts";
import { clockText } from "./times.ts";
import { UsageError } from "./usage-error.ts";

type Action = "requeue" | "discard";

const ABOUT = `Of one user: by seq, by --reason, or --all.
Of all users, where none is named: by --reason, --since and --until, or --all. That is a job, which goes on by itself.
--reason is one of ${DEAD_LETTER_REASONS.join(", ")}.`;

export const requeue: Command = {
  name: "requeue",
  takes: "[USER] [SEQ]",
  usage: "[USER [SEQ]]",
  summary: "send dead letters again, of one user or of all",
  about: ABOUT,
  options: ["reason", "since", "until", "all", "ttl", "yes", "dry-run", "detach"],
  examples: ["restante requeue --reason rejected --since 02:10", "restante requeue ada 1838550220800000"],
  run: (call) => run("requeue", call),
};

export const discard: Command = {
  name: "discard",
  takes: "[USER] [SEQ]",
  usage: "[USER [SEQ]]",
  summary: "throw dead letters away, of one user or of all",
  about: ABOUT,
  options: ["reason", "since", "until", "all", "yes", "dry-run", "detach"],
  examples: ["restante discard --reason expired --until 2026-11-20", "restante discard ada --all"],
  run: (call) => run("discard", call),
};

const run = (action: Action, call: Call): Promise<ExitCode> => {
  const [user, seq] = call.args;
  return user === undefined ? ofAll(action, call) : ofOne(action, call, user, seq);
};

const ofOne = async (action: Action, call: Call, user: string, seq: string | undefined): Promise<ExitCode> => {
  const { options, sender, screen } = call;
  const which = choice(options, user, seq);
  if (action === "discard") {
    const what = `Throw away, for good, ${"reason" in which ? `what ended as ${which.reason}` : "all dead letters"}, of ${user}.`;
    if (!("seq" in which) && !(await agreed(call, [what], "say --yes"))) return 1;
    screen.show(await sender.discard(user, which), ({ discarded }) => screen.line(`discarded ${discarded}`));
    return 0;
  }
  const done = await sender.requeue(user, which, { ttl: seconds(options, "ttl") });
  screen.show(done, ({ requeued, left }) => {
    screen.line(`requeued ${requeued.length}`);
    if (left > 0) screen.line(warn(`${left} found no room, and are dead letters still`));
  });
  return done.left === 0 ? 0 : 1;
};

/** Whether the person agrees to `what`, by `--yes` or when asked; `instead` is what to do where nobody can be asked. */
const agreed = async ({ options, screen, around }: Call, what: readonly Part[], instead: string): Promise<boolean> => {
  if (options.yes) return true;
  for (const line of what) screen.note(line);
  if (/^y(es)?$/i.test(await asked(around, "Go on? [y/N]", instead))) return true;
  screen.note("Nothing was done.");
  return false;
};

const choice = (options: Options, user: string, seq: string | undefined): DeadLetterChoice => {
  const reason = reasonOf(options);
  if (options.since !== undefined || options.until !== undefined || options["dry-run"] || options.detach) {
    throw new UsageError("--since, --until, --dry-run and --detach are for all users: name none.");
  }
  const said = [seq, reason, options.all].filter((one) => one !== undefined && one !== false);
  if (said.length !== 1) {
    throw new UsageError(`Say which of ${user}'s: a seq, or --reason, or --all. \`restante dead-letters\` lists them.`);
  }
  if (reason !== undefined) return { reason };
  if (seq === undefined) return { all: true };
  if (!/^[1-9]\d{0,15}$/.test(seq))
    throw new UsageError(`${seq} is no seq: a whole number, as dead-letters lists them.`);
  return { seq: Number(seq) };
};

const reasonOf = (options: Options): DeadLetterReason | undefined =>
  oneOf("reason", options.reason, DEAD_LETTER_REASONS);

const ofAll = async (action: Action, call: Call): Promise<ExitCode> => {
  const { options, operator, screen } = call;
  const reason = reasonOf(options);
  const { since, until } = times(options);
  const isBounded = reason !== undefined || since !== undefined || until !== undefined;
  if (!isBounded && !options.all) {
    throw new UsageError("Say which: --reason, --since, --until, or --all; or name a user.");
  }
  if (isBounded && options.all) throw new UsageError("Either --all, or --reason, --since and --until.");
  const ttl = seconds(options, "ttl");
  const what = sentence(action, { reason, since, until, isBounded });
  if (options["dry-run"]) {
    screen.show(await operator.attentionCounts(), (counts) => {
      screen.line(what);
      screen.line(dim(about(reason, counts)));
    });
    return 0;
  }
  const asking = options.yes ? [] : [what, dim(about(reason, await countsOf(call)))];
  if (!(await agreed(call, asking, "say --yes, or look first with --dry-run"))) return 1;
  const which = isBounded ? { reason, since, until } : { all: true as const };
  const job = await begun(call, () =>
    action === "requeue" ? operator.requeueAll(which, { ttl }) : operator.discardAll(which),
  );
  if (!options.detach) return followed(call, job);
  detached(screen, job);
  return 0;
};

/** Where the answer was lost, there may be a job all the same. */
const begun = async ({ screen }: Call, begin: () => Promise<Job>): Promise<Job> => {
  try {
    return await begin();
  } catch (error) {
    if (error instanceof SendError && error.retry === "same_id")
      screen.note("Whether it has begun, `restante jobs` says.");
    throw error;
  }
};

interface Which {
  readonly reason: DeadLetterReason | undefined;
  readonly since: Date | undefined;
  readonly until: Date | undefined;
  readonly isBounded: boolean;
}

/** `Send again what ended as rejected from 02:10:00 until now, of all users.` */
const sentence = (action: Action, { reason, since, until, isBounded }: Which): string =>
  [
    action === "requeue" ? "Send again" : "Throw away, for good,",
    isBounded ? ` ${reason === undefined ? "what ended undelivered" : `what ended as ${reason}`}` : " all dead letters",
    since === undefined ? "" : ` from ${clockText(since)}`,
    isBounded ? ` until ${until === undefined ? "now" : clockText(until)}` : "",
    ", of all users.",
  ].join("");

/** Undefined where the key may act and not look. */
const countsOf = async ({ operator }: Call): Promise<AttentionCounts | undefined> => {
  try {
    return await operator.attentionCounts();
  } catch (error) {
    if (error instanceof SendError && error.code === "missing_scope") return undefined;
    throw error;
  }
};

/** A user who has one of another time is counted here, too: how many letters there are, only their mailboxes know. */
const about = (reason: DeadLetterReason | undefined, counts: AttentionCounts | undefined): string => {
  if (counts === undefined) return "How many it is about is not known: the key lacks the scope monitor.";
  if (reason === undefined) return `Who needs a person now: ${countsText(counts)}.`;
  const users = counts.reasons[reason];
  return `Dead letters that ended so, at any time, are there of ${counted(users, "user")}.`;
};
