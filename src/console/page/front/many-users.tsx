/** Dead letters of all users at once, by reason and time (N5), and the jobs that do it. */
import { useRef, useState } from "preact/hooks";
import { DEAD_LETTER_REASONS, type DeadLetterReason } from "../../../protocol/message.ts";
import type { JobReply } from "../../../protocol/replies.ts";
import { call, query } from "../api.ts";
import { JobList } from "../jobs/job-list.tsx";
import { useJobs } from "../jobs/jobs.ts";
import { Button } from "../parts/button.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { InputField } from "../parts/input-field.tsx";
import { notify } from "../parts/notices.tsx";
import { linkToJobs } from "../route.ts";
import { notAllowed } from "../session.ts";

const INSTANT = { type: "datetime-local", step: "1" } as const;

type Action = JobReply["action"];

interface Choice {
  readonly reason: DeadLetterReason | "";
  /** As the browser's field has them: local times, without a zone. */
  readonly since: string;
  readonly until: string;
}

const NOTHING: Choice = { reason: "", since: "", until: "" };

export const ManyUsers = () => {
  const [choice, setChoice] = useState<Choice>(NOTHING);
  const form = useRef<HTMLFormElement>(null);
  const [asked, setAsked] = useState<Action>();
  const jobs = useJobs();
  // Those begun here stay when they are done, to be read.
  const [begun, setBegun] = useState<readonly string[]>([]);
  const why = notAllowed("manage");
  const set = (part: Partial<Choice>): void => setChoice((before) => ({ ...before, ...part }));
  /** Of a time that is half typed the browser gives nothing, and nothing means all of them: it has to be whole, or empty. */
  const ask = (action: Action): void => {
    if (form.current?.reportValidity()) setAsked(action);
  };
  const begin = async (action: Action): Promise<void> => {
    const { reason, since, until } = choice;
    const isAll = reason === "" && since === "" && until === "";
    const chosen = query({ reason, since: instantOf(since), until: instantOf(until), all: isAll ? "true" : undefined });
    const path = action === "requeue" ? "/v1/dead-letters/requeue" : "/v1/dead-letters";
    const job = await call<JobReply>(`${path}${chosen}`, { method: action === "requeue" ? "POST" : "DELETE" });
    if (!job.ok) return notify(job.detail, "failed");
    setBegun((before) => [...before, job.value.id]);
    notify(action === "requeue" ? "It has begun to requeue." : "It has begun to delete.");
    jobs.reload();
  };
  const shown = jobs.value?.filter(({ id, status }) => status === "running" || begun.includes(id)) ?? [];
  return (
    <section aria-labelledby="many">
      <h2 id="many">All users at once</h2>
      <form ref={form} class="card choice" onSubmit={(event) => event.preventDefault()}>
        <p class="soft">
          Requeue sends dead letters again, as new messages at the end; delete throws them away. It goes on by itself,
          whether this page is open or not.
        </p>
        <label>
          Dead letters that were
          <select
            value={choice.reason}
            onChange={(event) => set({ reason: event.currentTarget.value as Choice["reason"] })}
          >
            <option value="">of any reason</option>
            {DEAD_LETTER_REASONS.map((reason) => (
              <option key={reason} value={reason}>
                {reason}
              </option>
            ))}
          </select>
        </label>
        <InputField name="from" value={choice.since} onChange={(since) => set({ since })} is={INSTANT} />
        <InputField name="until" value={choice.until} onChange={(until) => set({ until })} is={INSTANT} />
        <p class="soft choice-note">Times are yours ({zone()}). Without an end it is the moment you begin.</p>
        <div class="actions">
          <Button kind="primary" why={why} onPress={() => ask("requeue")}>
            Requeue …
          </Button>
          <Button kind="danger" why={why} onPress={() => ask("discard")}>
            Delete …
          </Button>
        </div>
      </form>
      {shown.length === 0 ? null : <JobList jobs={shown} onChange={jobs.reload} />}
      <p>
        <a href={linkToJobs}>All jobs of the last days</a>
      </p>
      {asked === undefined ? null : (
        <Confirm
          title={asked === "requeue" ? "Requeue for all users?" : "Delete for all users?"}
          act={asked === "requeue" ? "Requeue them" : "Delete them"}
          kind={asked === "requeue" ? "primary" : "danger"}
          onConfirm={() => begin(asked)}
          onClose={() => setAsked(undefined)}
        >
          <p>
            Dead letters of all users, {words(choice)}.{" "}
            {asked === "requeue" ? "Their devices get them as new messages." : "They cannot be had back."}
          </p>
        </Confirm>
      )}
    </section>
  );
};

const instantOf = (local: string): string | undefined => (local === "" ? undefined : new Date(local).toISOString());

const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

const words = ({ reason, since, until }: Choice): string =>
  [
    reason === "" ? "of any reason" : `that were ${reason}`,
    ...(since === "" ? [] : [`from ${since.replace("T", " ")}`]),
    until === "" ? "until now" : `until ${until.replace("T", " ")}`,
  ].join(" ");
