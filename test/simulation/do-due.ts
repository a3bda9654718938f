/** What is due: the alarm, and what the webhook is told (D4, D8, C9, N2). */
import { LIMITS } from "../../src/protocol/limits.ts";
import { checkAlarm } from "./check-alarm.ts";
import { expect } from "./mismatch.ts";
import { forgetUnseen } from "./model-devices.ts";
import { awaiting } from "./model-webhooks.ts";
import type { Death } from "./operations.ts";
import type { Referee } from "./referee.ts";

/** The webhook is told; again, with the same id, where that is not recorded. False where there is nothing to tell. */
export const doTell = (referee: Referee, dies?: Death): boolean => {
  const { model, world } = referee;
  model.turn += 1;
  const turn = world.tell(dies);
  if (turn === "nothing") return false;
  const id = world.received.at(-1) as string;
  expect(model.told.has(id), "N2", () => `the webhook was sent ${id}, which it was not to be told`);
  if (turn !== undefined) referee.settle(turn);
  else if (dies === "before_commit") referee.crash();
  else referee.forget();
  return true;
};

/** What is due by now has been done once the alarm has run (D4, C9, D8). */
export const doAlarm = (referee: Referee, dies?: Death): void => {
  const { model, world } = referee;
  if (!world.alarmIsDue) return;
  model.turn += 1;
  const wasUnrecorded = model.unrecordedSince;
  world.alarm((turn) => {
    if (turn === undefined) {
      if (dies === "before_commit") referee.crash();
      else referee.forget();
      return;
    }
    const { now } = turn;
    if (wasUnrecorded !== undefined) model.allDurable();
    referee.perform(turn);
    forgetUnseen(model, now);
    for (const c of model.connections.values()) {
      expect(now < c.expiresAt, "C9", () => `${c.id} is open after its token's end and the alarm`);
      expect(
        turn.kind === "committed" || c.flight.length === 0 || now < c.progressAt + 2 * model.settings.ackTimeoutMs,
        "D4",
        () => `${c.id} has acked nothing for twice the ack timeout, and is open after the alarm`,
      );
    }
    referee.noteStored(now);
    model.letters = model.lettersAt(now);
    const over = model.messages.find((m) => m.end === undefined && !m.ephemeral && m.expiresAt <= now);
    expect(turn.result || over === undefined, "D8", () => `${over?.seq} is over, and stored after the alarm`);
    const late = awaiting(model).find((m) => (m.fallbackAt ?? 0) <= now && m.expiresAt > now);
    expect(turn.result || late === undefined, "D8", () => `${late?.seq} is due for the webhook, and was not told of`);
    if (turn.kind === "committed") referee.settle(turn);
    else if (model.revokedAt + LIMITS.tokenTtlMaxMs <= now) model.revokedAt = -1;
  }, dies);
  if (dies !== undefined) return;
  checkAlarm(world, model, world.now);
  // What was due for the webhook is sent as its alarm has run.
  while (doTell(referee)) checkAlarm(world, model, world.now);
};
