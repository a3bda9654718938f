/** D8: an alarm stands whenever something is due, and no later than the rules allow. */
import { LIMITS } from "../../src/protocol/limits.ts";
import { expect } from "./mismatch.ts";
import type { Model } from "./model.ts";
import { awaiting } from "./model-webhooks.ts";
import type { World } from "./world.ts";

/** D8, C9, D9: how late due work may be. */
const LATE_MS = 10_000;

/** Acks may be recorded at any time before they must be. */
const isAllRecorded = (world: World, model: Model): boolean => {
  const stored = world.sql.exec<{ name: string; cursor: number; acked: number }>("SELECT * FROM devices");
  const behind = stored.some(({ name, cursor }) => cursor < (model.devices.get(name)?.cursor ?? 0));
  return !behind && stored.some(({ acked }) => acked >= model.ackedLow);
};

export const checkAlarm = (world: World, model: Model, now: number): void => {
  let due = Number.POSITIVE_INFINITY;
  let what = "";
  const dueBy = (at: number, words: string) => {
    if (at >= due) return;
    due = at;
    what = words;
  };
  for (const m of model.messages) {
    if (m.end !== undefined || m.ephemeral || m.expiresAt + LATE_MS >= due || model.isReleased(m)) continue;
    dueBy(m.expiresAt + LATE_MS, `expiry of ${m.seq}`);
  }
  // What is on its way and not stored yet has a timer of its own.
  for (const m of awaiting(model)) if (!m.direct) dueBy((m.fallbackAt ?? 0) + LATE_MS, `fallback of ${m.seq}`);
  for (const c of model.connections.values()) {
    dueBy(c.expiresAt + LATE_MS, `token's end of ${c.id}`);
    if (c.flight.length > 0) dueBy(c.progressAt + 2 * model.settings.ackTimeoutMs, `ack timeout of ${c.id}`);
  }
  const recordedBy = (model.unrecordedSince ?? Number.POSITIVE_INFINITY) + LATE_MS;
  // Whether they are recorded is looked up only where it matters: this runs after every turn.
  if ((world.alarmAt ?? Number.POSITIVE_INFINITY) <= recordedBy) dueBy(recordedBy, "recording of acks");
  else if (isAllRecorded(world, model)) model.allDurable();
  else dueBy(recordedBy, "recording of acks");
  for (const { endedAt } of model.letters) dueBy(endedAt + model.settings.deadLetterTtlMs + LATE_MS, "dead letter");
  if (model.revokedAt > 0) dueBy(model.revokedAt + LIMITS.tokenTtlMaxMs + LATE_MS, "end of a revocation");
  if (due === Number.POSITIVE_INFINITY) return;
  expect(
    world.alarmAt !== null && world.alarmAt <= Math.max(due, now),
    "D8",
    () => `the alarm stands at ${world.alarmAt}, and is due by ${due}: ${what}`,
  );
};
