/** `GET /v1/monitor` as it goes on: the event stream that a dashboard reads (M2). */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MonitorReply } from "../../src/protocol/replies.ts";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime({ vars: { ...scopedVars, MONITOR_SHARDS: "4" } });
});
afterAll(() => runtime.stop());

const ask = (range: string, signal: AbortSignal, key: string = KEYS.monitor): Promise<Response> =>
  fetch(`${runtime.url}/v1/monitor?range=${range}`, {
    headers: { authorization: `Bearer ${key}`, accept: "text/event-stream" },
    signal,
  });

/** Its events, whole; throws for a line that an event of ours does not have. */
async function* eventsOf(response: Response): AsyncGenerator<MonitorReply> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [event, retry, data = "", ...more] = text.slice(0, end).split("\n");
      expect([event, retry, more]).toEqual(["event: monitor", "retry: 1000", []]);
      yield JSON.parse(data.replace(/^data: /, ""));
      text = text.slice(end + 2);
    }
  }
}

test("[M2] an event comes at once and every 5 s from then on, each with what has happened meanwhile", {
  timeout: 40_000,
}, async () => {
  const listening = new AbortController();
  const response = await ask("15m", listening.signal);
  expect([response.status, response.headers.get("content-type"), response.headers.get("cache-control")]).toEqual([
    ...[200, "text/event-stream", "no-store"],
  ]);
  const events = eventsOf(response);
  const first = (await events.next()).value as MonitorReply;
  expect(first.slots).toHaveLength(90);
  expect(first.now.held.count).toBe(0);
  const startedAt = performance.now();
  await new Backend(runtime.url).send("ada", { type: "hello" });
  const second = (await events.next()).value as MonitorReply;
  expect(performance.now() - startedAt).toBeGreaterThan(3_000);
  expect([second.now.held.count, second.total.messages.accepted]).toEqual([1, 1]);
  const third = (await events.next()).value as MonitorReply;
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  expect(Date.parse(third.at)).toBeGreaterThan(Date.parse(second.at));
  expect(third.alerts).toEqual([]);
  expect(third.start_up_check?.status).toBe("ready");
  listening.abort();
  await expect(events.next()).rejects.toThrow(/abort/i);
  // Who has gone is asked about no more, and nothing is logged as wrong.
  await eventually("the runtime, still there", async () => (await fetch(`${runtime.url}/health`)).status === 200);
  expect(runtime.logs).not.toMatch(/"level":"error"|monitor_call_failed|uncaught/i);
});

test("[M2, A1] it needs the scope monitor, and a range that there is", async () => {
  const { signal } = new AbortController();
  const answers = [await ask("15m", signal, KEYS.send), await ask("1y", signal)];
  expect(answers.map(({ status, headers }) => [status, headers.get("content-type")])).toEqual([
    [403, "application/problem+json"],
    [400, "application/problem+json"],
  ]);
  for (const { body } of answers) await body?.cancel();
});
