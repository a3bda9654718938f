/** What the dashboard draws of a reply: each value the reply's own, and gaps where there is none. */
import { describe, expect, test } from "vitest";
import { type Figure, figuresOf, type Line } from "../../src/console/page/dashboard/figures.ts";
import {
  Clock,
  compact,
  duration,
  failure,
  percentile,
  rate,
  success,
} from "../../src/console/page/dashboard/units.ts";
import { count, counted } from "../../src/console/page/parts/amount.ts";
import { RANGES } from "../../src/protocol/monitor-api.ts";
import type { MonitorReply } from "../../src/protocol/replies.ts";
import { NOW, replyOf } from "../support/monitor-replies.ts";

const figure = (reply: MonitorReply, id: string): Figure => {
  const { asked, ours } = figuresOf(reply);
  const found = [...asked, ...ours].find((figure) => figure.id === id);
  if (found === undefined) throw new Error(`No figure ${id}.`);
  return found;
};
const line = (reply: MonitorReply, id: string, at = 0): Line => figure(reply, id).lines[at] as Line;
const headlineOf = ({ headlines }: Figure) => headlines[0]?.value ?? "";
const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("[M1] the dashboard's figures", () => {
  test("have a value for each slot of their range, in the four that users ask for and ours", () => {
    for (const range of ["15m", "6h", "7d"] as const) {
      const { asked, ours } = figuresOf(replyOf(undefined, { range }));
      expect(asked.map(({ id }) => id)).toEqual(["establishment", "deliveries", "retries", "recovery-queue"]);
      expect(ours.map(({ id }) => id)).toEqual(["waiting", "wire", "sends", "rescued", "dead-letters", "open"]);
      for (const { id, lines } of [...asked, ...ours]) {
        for (const { values } of lines) expect(values, id).toHaveLength(RANGES[range].slots);
      }
    }
  });

  test("have gaps where nothing was timed and nothing ended, and zeros where nothing was counted", () => {
    const reply = replyOf(undefined, {
      before: {
        3: (measured) => {
          measured.time("connection", 40);
          measured.count("messages_delivered", 8);
          measured.count("ended_expired", 2);
          measured.count("failed_expired", 2);
          measured.count("connection_retries", 5);
        },
      },
    });
    const ends = (id: string, at = 0) => line(reply, id, at).values.slice(-5);
    expect(ends("deliveries")).toEqual([null, expect.closeTo(0.2, 9), null, null, null]);
    expect(ends("retries")).toEqual([0, 5, 0, 0, 0]);
    const [before, p95, ...after] = ends("establishment", 1);
    expect([before, ...after]).toEqual([null, null, null, null]);
    expect(p95).toBeGreaterThan(38);
    expect(p95).toBeLessThan(42);
  });

  test("show the numbers over the range beside them, as people read them", () => {
    const reply = replyOf((measured) => {
      measured.count("connection_attempts", 340);
      measured.count("connection_failures", 3);
      measured.count("messages_delivered", 99_999);
      measured.count("ended_rejected", 1);
      measured.count("failed_rejected", 1);
      for (let n = 0; n < 100; n += 1) measured.time("connection", 0);
    });
    const { headlines, note } = figure(reply, "establishment");
    expect([...headlines.map(({ name, value }) => `${name} ${value}`), note].map(plain)).toEqual([
      ...["p50 ≤ 1 ms", "p95 ≤ 1 ms", "p99 ≤ 1 ms", "of 340 attempts, 3 failed (0.89 %)"],
    ]);
    const deliveries = figure(reply, "deliveries");
    expect([headlineOf(deliveries), deliveries.note, deliveries.lines[0]?.whole ?? ""].map(plain)).toEqual([
      ...["99.99 %", "of 100,000 messages that ended", "1 (0.01 %)"],
    ]);
    const none = figure(replyOf(), "deliveries");
    expect([headlineOf(none), none.note]).toEqual(["–", "nothing has ended"]);
  });

  test("tell a rate by the time that a slot has had, and not before it has had half of it", () => {
    const sent = (ms: number) => {
      const reply = replyOf((measured) => measured.count("messages_accepted", 30), {
        now: NOW + ms,
        before: { 1: (measured) => measured.count("messages_accepted", 50) },
      });
      return line(reply, "sends").values.slice(-2);
    };
    expect(sent(4_999)).toEqual([5, null]);
    expect(sent(5_000)).toEqual([5, 6]);
    expect(sent(9_000)).toEqual([5, 30 / 9]);
  });

  test("tell dead letters by their reason, and how many connections are open now", () => {
    const reply = replyOf(
      (measured) => {
        measured.count("ended_expired", 4);
        measured.count("ended_undeliverable", 2);
      },
      { open: { count: 7 }, held: { count: 3, oldestAt: NOW - 90_000 } },
    );
    const deadLetters = figure(reply, "dead-letters");
    expect([headlineOf(deadLetters), ...deadLetters.lines.map(({ name, whole }) => `${name} ${whole}`)]).toEqual([
      ...["6", "expired 4", "rejected 0", "undeliverable 2"],
    ]);
    expect(headlineOf(figure(reply, "open"))).toBe("7");
    const queue = figure(reply, "recovery-queue");
    expect([headlineOf(queue), plain(queue.note)]).toEqual(["3", "messages wait, the oldest for 1.5 min"]);
  });
});

describe("[M1] units", () => {
  test("have no more digits than are true, and never the next unit's", () => {
    const cases = [
      ...[0.4, 4.23, 9.94, 9.96, 42.4, 994, 996, 3_400, 59_400, 59_900, 90_000, 5_400_000, 86_300_000, 200_000_000],
    ].map((ms) => plain(duration(ms)));
    expect(cases).toEqual([
      ...["0.4 ms", "4.2 ms", "9.9 ms", "10 ms", "42 ms", "994 ms", "1 s", "3.4 s", "59 s", "1 min", "1.5 min"],
      ...["1.5 h", "1 d", "2.3 d"],
    ]);
    expect([percentile(1), percentile(1.2)].map(plain)).toEqual(["≤ 1 ms", "1.2 ms"]);
  });

  test("say 100 % and 0 % only where nothing is missing, and nothing is there", () => {
    expect([1, 0.999999, 0.995, 0.29, 0].map(success).map(plain)).toEqual([
      "100 %",
      "99.99 %",
      "99.5 %",
      "29 %",
      "0 %",
    ]);
    expect([0, 0.000001, 0.005, 0.29, 1].map(failure).map(plain)).toEqual(["0 %", "0.01 %", "0.5 %", "29 %", "100 %"]);
  });

  test("group what is large", () => {
    expect([count(1_234_567), compact(1_234_567), compact(950)]).toEqual(["1,234,567", "1.2M", "950"]);
    expect([counted(1, "message"), counted(2, "message")].map(plain)).toEqual(["1 message", "2 messages"]);
    expect([0, 0.4, 12.34, 1_234.5].map(rate)).toEqual(["0/s", "0.4/s", "12/s", "1,235/s"]);
  });

  test("tell an instant by its hour, and by its day where that is another", () => {
    const clock = new Clock("UTC");
    expect(clock.instant(NOW - 1_000, NOW)).toBe("11:59:59");
    expect(clock.instant(NOW - 86_400_000, NOW)).toBe("26 Nov, 12:00:00");
    expect([clock.minute(NOW), clock.day(NOW)]).toEqual(["12:00", "Fri 27"]);
  });
});
