/** What the soak's judge must find in a run, and what it must let pass: it is all that stands between a loss and `passed`. */
import { expect, test } from "vitest";
import type { Gap } from "../proofs/reader.ts";
import { Book, type Posted } from "../soak/book.ts";
import type { Device, Processed } from "../soak/devices.ts";
import { judge } from "../soak/judge.ts";

/** A user to whom five messages were sent, one after another, answered at the instants 10, 20, …; the third lives until 1,000. */
const book = (status = "queued"): Book => {
  const made = new Book("ada", "run");
  for (let seq = 1; seq <= 5; seq += 1) {
    const { token } = made.post("single", true);
    const [beganAt, answeredAt] = [10 * seq - 5, 10 * seq];
    const expiresAt = seq === 3 ? 1_000 : 100_000;
    made.accept({ token, id: token, seq, status, ephemeral: false, expiresAt, beganAt, answeredAt, attempts: 1 });
  }
  return made;
};

const at = (seq: number, more: Partial<Processed> = {}): Processed => {
  return { token: `ada-${seq}`, seq, isJoined: false, at: 0, ...more };
};

const device = (processed: readonly Processed[], more: Partial<Device> = {}): Device => ({
  user: "ada",
  name: "phone",
  what: "a device",
  isConnected: true,
  connections: 1,
  processedSeq: 5,
  processed,
  gaps: [],
  passed: [],
  violations: [],
  repeated: 0,
  from: 0,
  hurry: () => {},
  stop: async () => {},
  ...more,
});

const all = [1, 2, 3, 4, 5].map((seq) => at(seq));
const but = (missing: number) => all.filter(({ seq }) => seq !== missing);
const gap = (told: Partial<Gap>): Gap => {
  return { prev: 2, seq: 3, count: 1, reasons: { expired: 1, overtaken: 0 }, at: 2_000, ...told };
};

test("[D1] a device that has everything is in order", () => {
  expect(judge(book(), [device(all), device(all, { name: "laptop" })])).toEqual([]);
});

test("[D1] what was neither shown nor told of is found, though another device has it", () => {
  expect(judge(book(), [device(but(3)), device(all, { name: "laptop" })])).toEqual([
    expect.stringMatching(/phone.*\[D1\] ada-3 at 3/),
  ]);
});

test("[C4] a gap excuses what has expired by then, and nothing else", () => {
  expect(judge(book(), [device(but(3), { gaps: [gap({})] })])).toEqual([]);
  // Told before its time was over, in another place, of something that lives, or of nothing that expired.
  for (const untrue of [{ at: 999 }, { prev: 3, seq: 4 }, { reasons: {} }])
    expect(judge(book(), [device(but(3), { gaps: [gap(untrue)] })])).toHaveLength(1);
  expect(judge(book(), [device(but(4), { gaps: [gap({ prev: 3, seq: 4 })] })])).toHaveLength(1);
});

test("[C5] a tab may be passed by where it was told, and another tab of its device has the message", () => {
  const passed = [{ prev: 2, seq: 4 }];
  expect(judge(book(), [device(but(3), { passed }), device(all)])).toEqual([]);
  expect(judge(book(), [device(but(3)), device(all)])).toHaveLength(1);
  expect(judge(book(), [device(but(3), { passed }), device(all, { name: "laptop" })])).toHaveLength(1);
  expect(judge(book(), [device(but(3), { passed }), device(but(3))])).toHaveLength(2);
  expect(judge(book(), [device(but(3), { passed }), device(but(3), { gaps: [gap({})] })])).toEqual([]);
});

test("[S3] what was delivered directly to one tab was never stored for the other", () => {
  const direct = book("delivered");
  const seen = (...seqs: readonly number[]) => all.filter(({ seq }) => seqs.includes(seq));
  direct.posted.set("ada-3", { ...(direct.posted.get("ada-3") as Posted), way: "wait" });
  expect(judge(direct, [device(but(3)), device(all)])).toEqual([]);
  expect(judge(direct, [device(but(3)), device(all, { name: "laptop" })])).toHaveLength(1);
  expect(judge(direct, [device(seen(1, 2, 5)), device(all)])).toHaveLength(1);
});

test("[D5] what lies at or below its beginning is not a device's", () => {
  expect(judge(book(), [device(all.slice(2), { from: 2 })])).toEqual([]);
  expect(judge(book(), [device(all.slice(2), { from: 1 })])).toHaveLength(1);
});

test("[A6] what nobody sent to this user is found; [S1] and what was refused", () => {
  const stranger = at(6, { token: "bob-1" });
  expect(judge(book(), [device([...all, stranger])])).toEqual([expect.stringMatching(/\[A6\].*bob-1/)]);
  const refused = book();
  const { token } = refused.post("single", false);
  refused.refused.add(token);
  expect(judge(refused, [device([...all, at(6, { token })])])).toEqual([expect.stringMatching(/\[S1\].*refused/)]);
});

test("[S1] delivered is untrue before a device has it", () => {
  const late = all.map((processed) => ({ ...processed, at: 10 * processed.seq }));
  expect(judge(book("delivered"), [device(late)])).toEqual([]);
  const tooLate = late.map((processed) => ({ ...processed, at: processed.at + (processed.seq === 4 ? 1 : 0) }));
  expect(judge(book("delivered"), [device(tooLate)])).toEqual([expect.stringMatching(/\[S1\] ada-4/)]);
});

test("[S4] two seqs for one message are found; [S13] and an order that its sender did not send in", () => {
  expect(judge(book(), [device(all.map((p) => (p.seq === 5 ? { ...p, seq: 6 } : p)))])).toEqual([
    expect.stringMatching(/\[S4\] ada-5/),
  ]);
  const turned = book();
  const [first, second, ...rest] = turned.accepted;
  turned.accepted.splice(0, 5, { ...first, seq: 2 } as never, { ...second, seq: 1 } as never, ...rest);
  expect(judge(turned, [])).toEqual([expect.stringMatching(/\[S13\] ada-2/)]);
});

test("[P4] a stream's text is whole and in order", () => {
  const streamed = new Book("ada", "run");
  const tokens = [1, 2, 3].map(() => streamed.post("stream", true, "story").token);
  for (const token of tokens) streamed.stored.add(token);
  const joined = (...order: readonly number[]) =>
    device(order.map((n) => at(9, { token: `ada-${n}`, isJoined: true })));
  expect(judge(streamed, [joined(1, 2, 3)])).toEqual([]);
  // After a crash a reader without a memory gets again, joined to what is new, what it had.
  expect(judge(streamed, [joined(1, 2, 1, 2, 3)])).toEqual([]);
  expect(judge(streamed, [joined(2, 1, 3)])).toEqual([expect.stringMatching(/\[P4\] ada-1/)]);
  expect(judge(streamed, [joined(1, 3)])).toEqual([expect.stringMatching(/\[D1\] ada-2/)]);
});

test("what a device itself has found stands in the verdict", () => {
  expect(judge(book(), [device(all, { violations: ["[D3] twice"] })])).toEqual(["ada: phone (a device): [D3] twice"]);
});
