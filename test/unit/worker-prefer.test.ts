import { expect, test } from "vitest";
import { preferenceApplied, preferredWaitMs } from "../../src/worker/prefer.ts";

test.each<readonly [string | undefined, number | undefined]>([
  [undefined, undefined],
  ["", undefined],
  ["wait=5", 5_000],
  ["wait=0", 0],
  ["wait=0.25", 250],
  ["wait=30", 30_000],
  ["wait=30.001", 30_000],
  ["wait=99999999999999999999", 30_000],
  ['wait="7"', 7_000],
  ["WAIT=5", 5_000],
  ["  wait = 5  ", 5_000],
  ["wait=5; foo=bar", 5_000],
  ["respond-async, wait=5", 5_000],
  ["respond-async,wait=5,handling=lenient", 5_000],
  ['foo; bar="a, wait=9", wait=5', 5_000],
  ['foo="wait=9"', undefined],
  ['foo="\\", wait=9", wait=5', 5_000],
  ["wait=5, wait=10", 5_000],
  ["wait=x, wait=10", undefined],
  ["wait, wait=10", undefined],
  ["wait=", undefined],
  ['wait=""', undefined],
  ["wait=-1", undefined],
  ["wait=+1", undefined],
  ["wait=1e1", undefined],
  ["wait=5s", undefined],
  ["wait=5.", undefined],
  ["wait=Infinity", undefined],
  ["waiting=5", undefined],
  ["x-wait=5", undefined],
  ["foo; wait=5", undefined],
  [`${"a,".repeat(400)}wait=5`, 5_000],
  [`${'"'.repeat(2_000)}wait=5`, undefined],
])("[S3, U1] Prefer: %s", (prefer, waitMs) => {
  expect(preferredWaitMs(new Headers(prefer === undefined ? {} : { prefer }))).toBe(waitMs);
});

test("[S3] the answer says what was granted", () => {
  expect(preferenceApplied(undefined)).toEqual({});
  expect(preferenceApplied(0)).toEqual({ "preference-applied": "wait=0" });
  expect(preferenceApplied(12_500)).toEqual({ "preference-applied": "wait=12.5" });
});
