/** Jobs over all users (N5): `jobs`, and how far one is while somebody looks. */
import type { Job } from "../sender/sender.ts";
import type { Call, Command, ExitCode } from "./command.ts";
import { Progress } from "./progress.ts";
import { bad, count, counted, dim, good, type Part, type Screen, warn } from "./screen.ts";
import { age, clockText } from "./times.ts";
import { UsageError } from "./usage-error.ts";

const FOLLOW_EVERY_MS = 500;

export const jobs: Command = {
  name: "jobs",
  takes: "[JOB]",
  summary: "what is done to the dead letters of all users, and how far it is",
  about: "A job goes on by itself: watch it again with --follow, whatever became of the command that began it.",
  options: ["follow", "stop"],
  examples: ["restante jobs", "restante jobs 6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11 --follow"],
  run: async (call) => {
    const { args, options, operator, screen } = call;
    const [id] = args;
    if (id !== undefined) {
      if (options.stop) await operator.stopJob(id);
      if (options.follow) return followed(call, await operator.job(id));
      screen.show(await operator.job(id), (job) => tellJob(screen, job));
      return 0;
    }
    if (options.stop || options.follow) throw new UsageError("Which job? `restante jobs` lists them.");
    await screen.list(await operator.jobs(), {
      none: "There were no jobs in the last 7 days.",
      columns: [
        { title: "JOB", of: ({ id }) => id },
        { title: "ACTION", of: ({ action }) => action },
        { title: "STATUS", of: ({ status }) => statusPart(status) },
        { title: "STARTED", of: ({ startedAt }) => age(startedAt) },
        { title: "USERS", of: usersText },
        { title: "DEAD LETTERS", of: ({ deadLetters }) => deadLetters.done },
        { title: "WHICH", of: whichText },
      ],
    });
    return 0;
  },
};

/** Shows how far it is until it is over. Who ends the command ends only the looking. */
export const followed = async ({ operator, screen, around }: Call, job: Job): Promise<ExitCode> => {
  const progress = new Progress(around);
  around.onInterrupt(() => {
    progress.end();
    screen.note(`The job goes on. To watch it again: restante jobs ${job.id} --follow`);
  });
  let last = job;
  try {
    for await (const now of operator.follow(job.id, { everyMs: FOLLOW_EVERY_MS })) {
      last = now;
      const { users, deadLetters, action } = now;
      const words = `${usersText(now)} users, ${counted(deadLetters.done, "dead letter")} ${PAST[action]}`;
      progress.show(now.status === "done" ? 1 : users.total === 0 ? 0 : users.done / users.total, words);
    }
  } catch (error) {
    progress.end();
    screen.note(`The job goes on, out of sight. To watch it again: restante jobs ${job.id} --follow`);
    throw error;
  }
  progress.end();
  screen.show(last, (it) => tellJob(screen, it));
  return last.status === "done" && last.users.failed === 0 && last.deadLetters.left === 0 ? 0 : 1;
};

const tellJob = (screen: Screen, job: Job): void => {
  const { users, deadLetters, action } = job;
  screen.pairs([
    ["job", job.id],
    ["status", statusPart(job.status)],
    [action, whichText(job)],
    ["users", usersText(job)],
    [PAST[action], counted(deadLetters.done, "dead letter")],
    [
      "left",
      deadLetters.left === 0 ? "" : warn(`${count(deadLetters.left)} found no room, and are dead letters still`),
    ],
    [
      "failed",
      users.failed === 0 ? "" : bad(`${counted(users.failed, "user")} could not be reached: the same again takes them`),
    ],
    ["started", age(job.startedAt)],
  ]);
};

const PAST = { requeue: "requeued", discard: "discarded" } as const;

const usersText = ({ users }: Job): string => `${count(users.done)} of ${count(users.total)}`;

const whichText = ({ reason, since, until }: Job): string => {
  const from = since === undefined ? "" : ` from ${clockText(new Date(since))}`;
  return `${reason ?? "all that"} ended${from} until ${clockText(new Date(until))}`.replace(/^(\w+) ended/, "$1");
};

const statusPart = (status: Job["status"]): Part => {
  if (status === "done") return good(status);
  return status === "running" ? status : warn(status);
};

export const detached = (screen: Screen, job: Job): void =>
  screen.show(job, (it) => {
    tellJob(screen, it);
    screen.note(dim(`It goes on by itself: restante jobs ${it.id} --follow`));
  });
