/** What the command line reads and writes: times, spans, and texts that others wrote. */
import { expect, test } from "vitest";
import { fitted, plain, widthOf } from "../../src/command-line/plain.ts";
import { age, clockText, instantOf, secondsOf, spanText } from "../../src/command-line/times.ts";
import { wireNames } from "../../src/command-line/wire-names.ts";

/** Local time, in whatever zone the tests run. */
const at = (text: string): Date => new Date(text);
const NOW = at("2026-11-27T09:30:15");

test.each([
  ["02:10", "2026-11-27T02:10:00"],
  ["2:10", "2026-11-27T02:10:00"],
  ["09:30:15", "2026-11-27T09:30:15"],
  // Not yet today: yesterday's.
  ["09:31", "2026-11-26T09:31:00"],
  ["23:59:59", "2026-11-26T23:59:59"],
  ["00:00", "2026-11-27T00:00:00"],
  ["15m", "2026-11-27T09:15:15"],
  ["2h", "2026-11-27T07:30:15"],
  ["1h30m", "2026-11-27T08:00:15"],
  ["1.5h", "2026-11-27T08:00:15"],
  ["7d", "2026-11-20T09:30:15"],
  ["90s", "2026-11-27T09:28:45"],
  ["2026-11-26", "2026-11-26T00:00:00"],
  ["2026-11-26T02:10", "2026-11-26T02:10:00"],
  ["2026-11-26 02:10:30", "2026-11-26T02:10:30"],
  ["2026-11-26T02:10Z", "2026-11-26T02:10:00Z"],
  ["2026-11-26T02:10:00.250+02:00", "2026-11-26T00:10:00.250Z"],
])("%s is %s", (text, expected) => {
  expect(instantOf(text, NOW)).toEqual(at(expected));
});

test.each([
  "",
  "soon",
  "24:00",
  "02:60",
  "2:1",
  "210",
  "15",
  "15 m",
  "-15m",
  "m",
  "2026-13-01",
  "2026-11-31",
  "2026-11-26T25:00",
  "yesterday",
  "02:10Z",
])("%o is no time", (text) => {
  expect(instantOf(text, NOW)).toBeUndefined();
});

test("an end by the clock is the first one after the beginning, even where that is tomorrow", () => {
  const since = at("2026-11-26T22:00:00");
  expect(instantOf("23:00", NOW, since)).toEqual(at("2026-11-26T23:00:00"));
  expect(instantOf("02:10", NOW, since)).toEqual(at("2026-11-27T02:10:00"));
  expect(instantOf("22:00", NOW, since)).toEqual(since);
});

test("on the day on which clocks change, yesterday's time is yesterday's by the calendar", () => {
  const zone = process.env.TZ;
  process.env.TZ = "Europe/Berlin";
  try {
    // 25 hours long; the clock showed 02:30 twice.
    expect(instantOf("12:00", at("2026-10-25T09:00:00"))?.toISOString()).toBe("2026-10-24T10:00:00.000Z");
    expect(instantOf("08:00", at("2026-10-25T09:00:00"))?.toISOString()).toBe("2026-10-25T07:00:00.000Z");
    // Of the two the last, and after a beginning the first.
    expect(instantOf("02:10", new Date("2026-10-25T01:30:00Z"))?.toISOString()).toBe("2026-10-25T01:10:00.000Z");
    expect(instantOf("02:40", new Date("2026-10-25T01:30:00Z"))?.toISOString()).toBe("2026-10-25T00:40:00.000Z");
    const [now, since] = [new Date("2026-10-25T09:00:00Z"), new Date("2026-10-25T00:30:00Z")];
    expect(instantOf("02:40", now, since)?.toISOString()).toBe("2026-10-25T00:40:00.000Z");
    expect(instantOf("02:10", now, since)?.toISOString()).toBe("2026-10-25T01:10:00.000Z");
    // 23 hours long: the clock never showed 02:30, and did so last on the day before.
    expect(instantOf("02:30", new Date("2026-03-29T01:05:00Z"))?.toISOString()).toBe("2026-03-28T01:30:00.000Z");
    expect(instantOf("03:04", new Date("2026-03-29T01:05:00Z"))?.toISOString()).toBe("2026-03-29T01:04:00.000Z");
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

test.each([
  ["0", 0],
  ["3600", 3_600],
  ["0.5", 0.5],
  ["90s", 90],
  ["15m", 900],
  ["1h30m", 5_400],
  ["250ms", 0.25],
  ["7d", 604_800],
  ["", undefined],
  ["-1", undefined],
  ["1e3", undefined],
  ["02:10", undefined],
  ["soon", undefined],
])("as a span, %o is %o seconds", (text, expected) => {
  expect(secondsOf(text)).toBe(expected);
});

test("ages are the nearest of one number and one unit", () => {
  const now = Date.parse("2026-11-27T09:30:15Z");
  const ago = (ms: number) => age(new Date(now - ms).toISOString(), now);
  expect([0, 900, 1_000, 59_400, 59_600, 3_599_000, 47 * 3_600_000, 48 * 3_600_000].map(ago)).toEqual([
    "just now",
    "just now",
    "1s ago",
    "59s ago",
    "1m ago",
    "1h ago",
    "47h ago",
    "2d ago",
  ]);
  expect(ago(-7 * 86_400_000 + 5_000)).toBe("in 7d");
  expect(age(undefined, now)).toBe("");
  expect(spanText(89_000)).toBe("1m");
  expect(clockText(at("2026-11-27T02:10:05"), NOW)).toBe("02:10:05");
  expect(clockText(at("2026-11-26T02:10:05"), NOW)).toBe("2026-11-26 02:10:05");
});

test.each([
  ["\u001b[2J\u001b[H", "\\u001b[2J\\u001b[H"],
  ["\u001b]0;title\u0007", "\\u001b]0;title\\u0007"],
  ["\u009b2J", "\\u009b2J"],
  ["a\r\nb\tc\b\u007f", "a\\u000d\\u000ab\\u0009c\\u0008\\u007f"],
  ["abc\u202edef\u2066", "abc\\u202edef\\u2066"],
  ["\u200b\ufeff\u00ad", "\\u200b\\ufeff\\u00ad"],
  ["\u2028\u2029\u0085", "\\u2028\\u2029\\u0085"],
  ["\ud800", "\\ud800"],
  ["\u{e0041}", "\\udb40\\udc41"],
  ["Zoë 日本語 👍 عربي", "Zoë 日本語 👍 عربي"],
])("what could move the cursor or turn the line around is escaped: %j", (text, expected) => {
  expect(plain(text)).toBe(expected);
  expect(plain(plain(text))).toBe(expected);
  // In JSON it means the same as before.
  expect(JSON.parse(plain(JSON.stringify({ [text]: text })))).toEqual({ [text]: text });
  expect(plain(JSON.stringify({ [text]: text }))).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
});

test("widths are those of a terminal, near enough to align a table", () => {
  expect(["", "abc", "Zoë", "e\u0301", "日本", "👍", "한국"].map(widthOf)).toEqual([0, 3, 3, 1, 4, 2, 4]);
  expect([fitted("abcdef", 6), fitted("abcdef", 5), fitted("日本語", 5), fitted("日本語", 4)]).toEqual([
    "abcdef",
    "abcd…",
    "日本…",
    "日…",
  ]);
});

test("the SDK's names become the API's again, but for the app's own data", () => {
  const reply = { sentTo: 1, p50Ms: 2, held: [{ oldestAt: "t", data: { camelCase: [{ innerKey: 1 }] } }], none: null };
  expect(wireNames(reply)).toEqual({
    sent_to: 1,
    p50_ms: 2,
    held: [{ oldest_at: "t", data: { camelCase: [{ innerKey: 1 }] } }],
    none: null,
  });
});
