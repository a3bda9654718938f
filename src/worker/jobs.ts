/** Requeuing and discarding dead letters of all users, by reason and time (N5): a job that goes on by itself, and how far it is. */
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { bulkQuery, noQuery, requeueBody } from "../protocol/http.ts";
import type { DeadLetterRange } from "../protocol/mailbox-api.ts";
import { JOBS_MONITOR, type JobOrder } from "../protocol/monitor-api.ts";
import { ttlMsOf } from "../protocol/new-message.ts";
import type { JobReply } from "../protocol/replies.ts";
import type { KeyHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { type Answer, type Caller, segment } from "./exchange.ts";
import { askMonitor } from "./monitor-stub.ts";
import { jobReply } from "./operator-replies.ts";
import { json } from "./problem.ts";
import { readJson } from "./request-body.ts";

export const postRequeueAll: KeyHandler = async (call) => {
  const query = checkQuery(bulkQuery, call.query);
  if (!query.ok) return query;
  const body = await readJson(call.request, requeueBody, "optional");
  return body.ok ? begun(await beginJob(call, "requeue", query.value, body.value)) : body;
};

export const deleteAll: KeyHandler = async (call) => {
  const query = checkQuery(bulkQuery, call.query);
  return query.ok ? begun(await beginJob(call, "discard", query.value)) : query;
};

const begun = (job: Checked<JobReply>): Answer =>
  job.ok ? json(job.value, 202, { location: `/v1/jobs/${job.value.id}` }) : job;

/** Which dead letters, as HTTP and RPC say it, checked. */
interface Which {
  readonly reason?: DeadLetterRange["reason"] | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly all?: "true" | true | undefined;
}

/** What ends from now on is left alone, unless the caller says: else what is rejected once more would be sent for ever. */
export const beginJob = async (
  { env }: Caller,
  action: JobOrder["action"],
  { reason, since, until, all }: Which,
  { ttl }: { readonly ttl?: number | undefined } = {},
): Promise<Checked<JobReply>> => {
  if (reason === undefined && since === undefined && until === undefined && all === undefined) {
    return refuse("invalid_request", "Say which dead letters: `reason`, `since`, `until`, or `all=true`.");
  }
  const order: JobOrder = {
    id: crypto.randomUUID(),
    action,
    range: {
      ...(reason === undefined ? {} : { reason }),
      ...(since === undefined ? {} : { since }),
      until: until ?? Date.now(),
    },
    ...(ttl === undefined ? {} : { ttlMs: ttlMsOf(ttl) }),
  };
  const job = await askMonitor(env, JOBS_MONITOR, (monitor) => monitor.beginJob(order));
  return job.ok ? granted(jobReply(job.value)) : job;
};

export const listJobs: KeyHandler = async (call) => {
  const query = checkQuery(noQuery, call.query);
  if (!query.ok) return query;
  const list = await jobs(call);
  return list.ok ? json(list.value) : list;
};

export const jobs = async ({ env }: Caller) => {
  const list = await askMonitor(env, JOBS_MONITOR, (monitor) => monitor.jobs());
  return list.ok ? granted({ jobs: list.value.map(jobReply) }) : list;
};

/** One job, as it is or once it is told to stop. */
export const oneJob = async ({ env }: Caller, act: "job" | "stopJob", id: string): Promise<Checked<JobReply>> => {
  const job = await askMonitor(env, JOBS_MONITOR, (monitor) => monitor[act](id));
  if (!job.ok) return job;
  return job.value === null
    ? refuse(
        "unknown_job",
        "There is no job with this id: it never was, or it ended long ago. GET /v1/jobs lists them.",
      )
    : granted(jobReply(job.value));
};

export const isJobId = (id: unknown): id is string => typeof id === "string" && /^[0-9a-f-]{36}$/.test(id);

const answerOne =
  (act: "job" | "stopJob"): KeyHandler =>
  async (call) => {
    const query = checkQuery(noQuery, call.query);
    if (!query.ok) return query;
    const id = segment(call, "job", isJobId);
    if (!id.ok) return id;
    const job = await oneJob(call, act, id.value);
    return job.ok ? json(job.value) : job;
  };

export const getJob: KeyHandler = answerOne("job");
export const stopJob: KeyHandler = answerOne("stopJob");
