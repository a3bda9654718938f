/** Requeuing and discarding dead letters of all users, by reason and time (N5): a job that goes on by itself, and how far it is. */
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { bulkQuery, noQuery, requeueBody } from "../protocol/http.ts";
import { JOBS_MONITOR, type Job, type JobOrder } from "../protocol/monitor-api.ts";
import { ttlMsOf } from "../protocol/new-message.ts";
import type { KeyHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { type Answer, type Exchange, segment } from "./exchange.ts";
import { askMonitor } from "./monitor-stub.ts";
import { jobReply } from "./operator-replies.ts";
import { json } from "./problem.ts";
import { readJson } from "./request-body.ts";

export const requeueAll: KeyHandler = async (call) => {
  const order = orderOf(call, "requeue");
  if (!order.ok) return order;
  const body = await readJson(call.request, requeueBody, "optional");
  if (!body.ok) return body;
  const { ttl } = body.value;
  return begin(call, ttl === undefined ? order.value : { ...order.value, ttlMs: ttlMsOf(ttl) });
};

export const discardAll: KeyHandler = async (call) => {
  const order = orderOf(call, "discard");
  return order.ok ? begin(call, order.value) : order;
};

/** What ends from now on is left alone, unless the caller says: else what is rejected once more would be sent for ever. */
const orderOf = (call: Exchange, action: JobOrder["action"]): Checked<JobOrder> => {
  const query = checkQuery(bulkQuery, call.query);
  if (!query.ok) return query;
  const { reason, since, until, all } = query.value;
  if (reason === undefined && since === undefined && until === undefined && all === undefined) {
    return refuse("invalid_request", "Say which dead letters: `reason`, `since`, `until`, or `all=true`.");
  }
  const range = { ...(reason === undefined ? {} : { reason }), ...(since === undefined ? {} : { since }) };
  return granted({ id: crypto.randomUUID(), action, range: { ...range, until: until ?? Date.now() } });
};

const begin = async (call: Exchange, order: JobOrder): Promise<Answer> => {
  const job = await askMonitor(call.env, JOBS_MONITOR, (monitor) => monitor.beginJob(order));
  if (!job.ok) return job;
  return json(jobReply(job.value), 202, { location: `/v1/jobs/${job.value.id}` });
};

export const listJobs: KeyHandler = async (call) => {
  const query = checkQuery(noQuery, call.query);
  if (!query.ok) return query;
  const jobs = await askMonitor(call.env, JOBS_MONITOR, (monitor) => monitor.jobs());
  return jobs.ok ? json({ jobs: jobs.value.map(jobReply) }) : jobs;
};

export const getJob: KeyHandler = (call) => answerOne(call, (id, monitor) => monitor.job(id));
export const stopJob: KeyHandler = (call) => answerOne(call, (id, monitor) => monitor.stopJob(id));

const ID = /^[0-9a-f-]{36}$/;

const answerOne = async (
  call: Exchange,
  ask: (id: string, monitor: Parameters<Parameters<typeof askMonitor>[2]>[0]) => Promise<Job | null>,
): Promise<Answer> => {
  const query = checkQuery(noQuery, call.query);
  if (!query.ok) return query;
  const id = segment(call, "job", (text) => ID.test(text));
  if (!id.ok) return id;
  const job = await askMonitor(call.env, JOBS_MONITOR, (monitor) => ask(id.value, monitor));
  if (!job.ok) return job;
  return job.value === null
    ? refuse(
        "unknown_job",
        "There is no job with this id: it never was, or it ended long ago. GET /v1/jobs lists them.",
      )
    : json(jobReply(job.value));
};
