/** One send that waits for its end (S3), with the ack at a chosen instant around the limit; and what the reply must then be. */
import { performance } from "node:perf_hooks";
import type { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { instant } from "./clock.ts";

interface WaitCase {
  readonly limitSeconds: number;
  /** When the ack is sent, relative to the limit; `never` = not while it waits. */
  readonly ackAtMs: number | "never";
  /** Who takes the message: one who is there already, one who attaches half-way to the ack, or one whose first socket is lost. */
  readonly reader: "open" | "late" | "lost";
}

/** What separates "before" and "after" the limit from "at" it: the way of a frame or a request on a busy machine. */
const BLUR_MS = 150;
/** How late a reply may come. */
const LATE_MS = 1_000;

/** Runs the case for a user of its own; gives what was wrong with it. */
const waitViolations = async (backend: Backend, user: string, c: WaitCase): Promise<readonly string[]> => {
  const found: string[] = [];
  const say = (what: string) => found.push(`[S3] ${JSON.stringify(c)}: ${what}`);
  const token = await mintLocally(user);
  const open = () => Connection.open(backend.url, { token });
  let reader = c.reader === "late" ? undefined : await open();

  const limitMs = Math.min(c.limitSeconds, 30) * 1_000;
  const beganAt = performance.now();
  const sentAt = Date.now();
  const replying = backend
    .send(user, { type: "waited", id: "the-one" }, { wait: c.limitSeconds })
    .then((reply) => ({ reply, afterMs: performance.now() - beganAt, repliedAt: Date.now() }));
  const ackAfterMs = c.ackAtMs === "never" ? limitMs + 2 * BLUR_MS : limitMs + c.ackAtMs;
  if (c.reader === "late") {
    await instant(beganAt + ackAfterMs / 2);
    reader = await open();
  } else if (c.reader === "lost") {
    await reader?.receive(1);
    await reader?.cut();
    reader = await open();
  }
  if (reader === undefined) throw new Error("Nobody reads.");
  await reader.receive(1);
  await instant(beganAt + ackAfterMs);
  if (c.ackAtMs !== "never") reader.ack();
  const ackedAfterMs = performance.now() - beganAt;
  const ackedAt = Date.now();

  const { reply, afterMs, repliedAt } = await replying;
  // The limit counts from the request's arrival, which lies between the two; on a busy machine they are far apart. Its clock is also ours.
  const limitAt = Date.parse(reply.body.accepted_at) + limitMs;
  const earliestLimitAt = sentAt + limitMs;
  const applied = reply.headers.get("preference-applied");
  if (applied !== `wait=${limitMs / 1_000}`) say(`Preference-Applied is ${applied}`);
  const isAcked = c.ackAtMs !== "never";
  if (reply.status === 200) {
    if (reply.body.status !== "delivered") say(`200 with status ${reply.body.status}`);
    if (!isAcked || afterMs < ackedAfterMs) say("200 before anybody acked");
    if (ackedAt > limitAt + BLUR_MS)
      say(`200 after ${afterMs} ms, though the ack came ${ackedAt - limitAt} ms after the limit`);
    if (afterMs > ackedAfterMs + LATE_MS) say(`200 only ${afterMs - ackedAfterMs} ms after the ack`);
  } else if (reply.status === 202) {
    if (reply.body.status !== "queued") say(`202 with status ${reply.body.status}`);
    if (isAcked && ackedAt < earliestLimitAt - BLUR_MS)
      say(`202, though the ack came ${earliestLimitAt - ackedAt} ms before the limit`);
    if (afterMs < limitMs - 2) say(`202 after ${afterMs} ms, before the limit`);
    if (repliedAt > limitAt + LATE_MS) say(`202 only ${repliedAt - limitAt} ms after the limit`);
  } else say(`answered ${reply.status} ${JSON.stringify(reply.body)}`);

  if (isAcked) {
    await reader.settle();
    const { body } = await backend.state(user, "the-one");
    if (body.status !== "delivered") say(`acked, and its state is ${body.status}`);
  }
  if (reader.messages.length !== 1) say(`${reader.messages.length} messages on one connection`);
  await reader.close();
  return found;
};

/** Every limit with acks before, at and after it, and each kind of reader. */
export const waitCases = (limitsSeconds: readonly number[]): readonly WaitCase[] =>
  limitsSeconds.flatMap((limitSeconds) =>
    [-Math.min(1_000, 500 * limitSeconds), -10, -3, 0, 3, 10, 2 * BLUR_MS].flatMap((ackAtMs): WaitCase[] => {
      const isTooShort = limitSeconds * 1_000 + ackAtMs < BLUR_MS;
      return isTooShort
        ? [{ limitSeconds, ackAtMs: Math.max(ackAtMs, -limitSeconds * 1_000), reader: "open" }]
        : [
            { limitSeconds, ackAtMs, reader: "open" },
            { limitSeconds, ackAtMs, reader: "late" },
            { limitSeconds, ackAtMs, reader: "lost" },
          ];
    }),
  );

/** So far apart they start: to begin with, each of their Mailboxes has to be made, and that is not what is measured. */
const APART_MS = 20;

/** Runs all of them, the longest first; gives what was wrong. */
export const runWaitCases = async (backend: Backend, cases: readonly WaitCase[]): Promise<readonly string[]> => {
  const startAt = performance.now();
  const found = [...cases]
    .sort((a, b) => b.limitSeconds - a.limitSeconds)
    .map(async (c, at) => {
      await instant(startAt + at * APART_MS);
      return waitViolations(backend, `wait-${at}`, c);
    });
  return (await Promise.all(found)).flat();
};
