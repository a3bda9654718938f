/** Holds PROTOCOL.md to the code: every number in its sentences, and what they rest on. */

import { expect, test } from "vitest";
import { ERRORS } from "../../src/protocol/errors.ts";
import * as frames from "../../src/protocol/frames.ts";
import { isDevice } from "../../src/protocol/identifiers.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { NAMED_MAX, RANGES } from "../../src/protocol/monitor-api.ts";
import { accessSettings } from "../../src/settings/access.ts";
import { DELIVERY_DEFAULTS, deliverySettings } from "../../src/settings/delivery.ts";
import { ATTEMPT_DELAYS_MS } from "../../src/webhooks/schedule.ts";
import { constant, count, missing, read, strangeNumbers } from "./document.ts";

const page = read("protocol/PROTOCOL.md");

const inDays = (ms: number): string => `${ms / 86_400_000} days`;
const inHours = (ms: number): string => `${ms / 3_600_000} hour${ms === 3_600_000 ? "" : "s"}`;
const inSeconds = (ms: number): string => `${ms / 1_000} second${ms === 1_000 ? "" : "s"}`;

/** D8 and D9 allow so long; a setting for acks cannot go beyond. */
const LATE_S = 10;
/** Of text in one entry. */
const FOLD_KIB = 48;
/** How long PROTOCOL.md advises a client to gather acks. */
const GATHER_MS = 20;

const RETRY_MIN_MS = constant("worker/event-format.ts", "RETRY_MIN_MS");

const inMinutes = (ms: number): string => `${ms / 60_000} minutes`;
/** What a webhook waits between attempts. */
const retries = ATTEMPT_DELAYS_MS.slice(1).map((ms) => {
  if (ms < 60_000) return inSeconds(ms);
  return ms < 3_600_000 ? inMinutes(ms) : inHours(ms);
});

/** The sentences with numbers, each with the code's. */
const L = LIMITS;
const sentences: readonly string[] = [
  `at most ${inSeconds(constant("worker/ready.ts", "REPEATED_MS"))} behind`,
  `\`15m\`, in slots of ${inSeconds(RANGES["15m"].slotMs)} and the default`,
  `at once, and every ${inSeconds(constant("worker/monitoring.ts", "EVERY_MS"))}.`,
  `up to ${NAMED_MAX} \`mailboxes\` that it happens to`,
  `and \`first_seq\`, up to ${FOLD_KIB} KiB. So`,
  "an integer, and from 1 to `batchMaxMessages` messages",
  `advance its ack for ${inSeconds(L.ackTimeoutMs)} is closed with 4408`,
  `not seen for ${inDays(L.deviceTtlMs)} is forgotten`,
  `Where ${L.strikesMax} connections of one device`,
  `runs later, by up to ${LATE_S} s.`,
  `else within ${LATE_S} s or when its connection ends`,
  `*recorded*, at most ${LATE_S} s after it came`,
  `4401, follows within ${LATE_S} s.`,
  `\`limit\` is ${L.pageDefault} where it is absent, and at most ${count(L.pageMax)}.`,
  `More than ${L.waitMaxMs / 1_000} is granted ${L.waitMaxMs / 1_000}, as`,
  `Where ${count(L.waitersMax)} wait already`,
  `held and for ${inHours(L.receiptTtlMs)} after its end; of many ends, at least the last ${count(L.receiptsMin)} are known`,
  `above ${inDays(L.ttlMaxMs)} it is granted ${inDays(L.ttlMaxMs)}, absent it is ${inDays(L.ttlDefaultMs)}, and`,
  `says, or ${inSeconds(L.ephemeralWaitMs)}: 200`,
  `absent it is ${inHours(L.tokenTtlDefaultMs)}, above ${inHours(L.tokenTtlMaxMs)} it is granted ${inHours(L.tokenTtlMaxMs)}.`,
  `is kept for ${inDays(L.deadLetterTtlMs)}, and the newest ${count(L.deadLettersMax)} at most`,
  `un-acked entries this client takes; ${L.windowMaxMessages} where absent, and at most`,
  `sends nothing for ${constant("delivery/streaming.ts", "HEARTBEATS_MISSED")} × \`heartbeat_ms\``,
  `or ${GATHER_MS} ms after the first un-acked one`,
  "sends 1 to `batchMaxMessages` messages",
  `within ${RETRY_MIN_MS / 1_000} to ${inSeconds(RETRY_MIN_MS + constant("worker/event-format.ts", "RETRY_SPREAD_MS"))}; where`,
  `4413), after ${inHours(L.tokenTtlMaxMs)}: close`,
  `or ${inHours(L.tokenTtlMaxMs)} after its \`iat\`, whichever`,
  `ahead by ${inSeconds(L.tokenClockSkewMs)} at most`,
  `at least ${constant("settings/access.ts", "SECRET_MIN_BYTES")} bytes; \`TOKEN_SECRET_OLD\``,
  "of its own: 1 to 64 of `A-Z a-z 0-9 . _ ~ -`",
  `after ${retries.slice(0, 3).join(", ")}, then ${retries
    .slice(3, -1)
    .map((text) => text.split(" ")[0])
    .join(", ")} and ${retries.at(-1)}, each`,
  `answer within ${inSeconds(constant("settings/webhooks.ts", "TIMEOUT_MS"))}. 410 ends it at once.`,
  `given up is kept for ${constant("webhooks/queue.ts", "FAILED_TTL_DAYS")} days.`,
  "answered 2xx: it comes",
  `nobody has acked ${inMinutes(L.heldTooLongMs)} after it was accepted`,
  `with ${L.timeoutsInARow} connections of one device in a row`,
  `and by D9 up to ${LATE_S} s after its ack.`,
  `Jobs are known for ${constant("monitor/bulk-jobs.ts", "KEPT_DAYS")} days.`,
];

/** The page as running text, without list numbers and what other tests hold: fences, the tables of errors and limits. */
const prose = page
  .replace(/^```[\s\S]*?^```$/gm, "")
  .replace(/^\| (?:code|name) \|[\s\S]*?\n\n/gm, "")
  .replace(/^\d+\. /gm, "")
  .replace(/\s+/g, " ");

test("every number in the sentences of PROTOCOL.md is the code's", () => {
  expect(missing(prose, sentences)).toEqual([]);
  const known = new Set(
    Object.values(ERRORS).flatMap(({ status, close }) => [status, close].filter((n) => n !== undefined)),
  );
  // What succeeds, a client's goodbye, no close at all, and the platform's and client's closes.
  for (const code of [200, 202, 1000, 1006, ...Object.values(frames.CLOSE)]) known.add(code);
  const noNumbers = /\b[SCDUAEMNOP]\d+\b|\bRFC \d+|\b(?:Open|Async)API [\d.]+|\b[45]xx\b|\b40[13]s\b|UTF-8/g;
  expect(strangeNumbers(prose, sentences, noNumbers, known)).toEqual([]);
});

test("what those sentences rest on is so", () => {
  expect(deliverySettings({ ACK_FLUSH_MS: String(LATE_S * 1_000) }).settings.ackFlushMs).toBe(LATE_S * 1_000);
  expect(deliverySettings({ ACK_FLUSH_MS: String(LATE_S * 1_000 + 1) }).faults[0]).toMatch("ACK_FLUSH_MS");
  expect(DELIVERY_DEFAULTS.ackFlushMs).toBeLessThanOrEqual(LATE_S * 1_000);
  expect(read("outbox/folding.ts")).toContain(`FOLD_MAX_BYTES = ${FOLD_KIB} * 1_024`);
  expect(prose).toContain("at most twice a second;");
  expect(1_000 / constant("mailbox/observers.ts", "STATE_EVERY_MS")).toBe(2);
  expect(1_000 / GATHER_MS).toBeLessThanOrEqual(LIMITS.clientFramesPerSecond / 2);
  expect(["", "a", "AZaz09._~-", "a".repeat(64), "a".repeat(65), "a b"].map(isDevice)).toEqual([
    ...[false, true, true, true, false, false],
  ]);
  expect(prose).toContain("(default `JWT,at+jwt`)");
  const provider = { JWKS_URL: "https://id.example/jwks", JWT_ISSUER: "https://id.example", JWT_AUDIENCE: "app" };
  expect(accessSettings(provider).userTokens).toMatchObject({ value: { provider: { types: ["jwt", "at+jwt"] } } });
});
