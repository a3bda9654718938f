/** Jobs, with how far each is. */
import type { JobReply } from "../../../protocol/replies.ts";
import { call } from "../api.ts";
import { Ago } from "../parts/ago.tsx";
import { count, counted } from "../parts/amount.ts";
import { Button } from "../parts/button.tsx";
import { tell } from "../parts/notices.tsx";
import { notAllowed } from "../session.ts";

interface JobListProps {
  readonly jobs: readonly JobReply[];
  readonly onChange: () => void;
}

export const JobList = ({ jobs, onChange }: JobListProps) => (
  <ul class="jobs" aria-label="Jobs">
    {jobs.map((job) => (
      <li key={job.id} class="card job">
        <JobLine job={job} onChange={onChange} />
      </li>
    ))}
  </ul>
);

const JobLine = ({ job, onChange }: { readonly job: JobReply; readonly onChange: () => void }) => {
  const { users, dead_letters: letters } = job;
  const isRunning = job.status === "running";
  const done = users.done + users.failed;
  const stop = async (): Promise<void> => {
    const stopped = await call<JobReply>(`/v1/jobs/${job.id}`, { method: "DELETE" });
    tell(stopped, (now) => `Stopped after ${counted(now.users.done, "user")}. What is done stays done.`);
    onChange();
  };
  return (
    <>
      <div class="job-head">
        <b>{titleOf(job)}</b>
        <span class="tag">{job.status}</span>
        <span class="soft">
          begun <Ago at={job.started_at} />
        </span>
        {isRunning ? (
          <Button why={notAllowed("manage")} onPress={() => void stop()}>
            Stop
          </Button>
        ) : null}
      </div>
      {isRunning ? (
        <progress aria-label={titleOf(job)} max={Math.max(1, users.total)} value={done}>
          {done} of {users.total}
        </progress>
      ) : null}
      <p class="amounts">
        {`${count(done)} of ${counted(users.total, "user")}`} ·{" "}
        {`${counted(letters.done, "dead letter")} ${job.action === "requeue" ? "requeued" : "deleted"}`}
        {letters.left === 0 ? null : <span class="failure"> · {count(letters.left)} found no room, and stay</span>}
        {users.failed === 0 ? null : (
          <span class="failure"> · {counted(users.failed, "user")} not reached: the same again takes them</span>
        )}
      </p>
    </>
  );
};

const titleOf = ({ action, reason, since, until }: JobReply): string =>
  [
    action === "requeue" ? "Requeue" : "Delete",
    reason ?? "all dead letters",
    ...(since === undefined ? [] : [`from ${local(since)}`]),
    `until ${local(until)}`,
  ].join(" ");

const local = (at: string): string => new Date(at).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
