/** How many messages were held at each moment of a range (M1): a Monitor that hears nothing knows that nothing has changed. */
import { expect, test } from "vitest";
import { merged } from "../../src/measures/deployment.ts";
import { Measured } from "../../src/measures/measured.ts";
import { Shard } from "../../src/monitor/shard.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2026, 10, 27, 12);

/** A Mailbox reports that it holds so many more. */
const hold = (shard: Shard, count: number, now: number): void => {
  const measured = new Measured();
  for (let n = 0; n < count; n += 1) measured.began("held", now, now + 7 * DAY_MS, now);
  shard.take({ pairs: measured.take(), version: "v1" }, now);
  shard.write(now);
};

/** Over the last quarter of an hour, each tenth slot of 10 s. */
const heldOver = (shard: Shard, now: number): readonly number[] =>
  merged([shard.read("15m", now)], "15m", now)
    .moments.map(({ held }) => held.count)
    .filter((_, n) => n % 10 === 9);

test("[M1] before a Monitor has heard of anything, nothing is held", () => {
  const sql = new NodeSql();
  const shard = new Shard(sql);
  hold(shard, 3, NOW);
  expect(heldOver(shard, NOW)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 3]);
  expect(heldOver(new Shard(sql), NOW + 5 * MINUTE_MS)).toEqual([0, 0, 0, 0, 0, 3, 3, 3, 3]);
});

test.each([16 * MINUTE_MS, 6 * HOUR_MS, 2 * DAY_MS])(
  "[M1] what was held %d ms ago is, until something else is said",
  (agoMs) => {
    const shard = new Shard(new NodeSql());
    hold(shard, 3, NOW - agoMs);
    expect(heldOver(shard, NOW)).toEqual([3, 3, 3, 3, 3, 3, 3, 3, 3]);
    hold(shard, 4, NOW - 5 * MINUTE_MS);
    expect(heldOver(shard, NOW)).toEqual([3, 3, 3, 3, 3, 7, 7, 7, 7]);
  },
);
