/** The end of a schedule: everybody comes back and acks what there is; then nothing may be left, and nothing be due. */
import { COUNTS_END } from "../../src/measures/catalogue.ts";
import { Leases } from "../../src/measures/leases.ts";
import { DEAD_LETTER_REASONS } from "../../src/protocol/message.ts";
import { ackAll } from "./do-acks.ts";
import { doHeld, doUser } from "./do-calls.ts";
import { doDeadLetters } from "./do-dead-letters.ts";
import { doAlarm, doTell } from "./do-due.ts";
import { endGrace, endWaits } from "./do-sends.ts";
import { doAttach, doDetach } from "./do-streams.ts";
import { expect, same } from "./mismatch.ts";
import type { Referee } from "./referee.ts";

const WINDOW = 256;
const TOKEN_MS = 3_600_000;
const WAIT_MAX_MS = 31_000;

export const quiesce = (referee: Referee): void => {
  const { model, world } = referee;
  // The machine's clock has caught up by then.
  world.machineNow = Math.max(world.machineNow, world.now, model.revokedAt) + WAIT_MAX_MS;
  endGrace(referee);
  endWaits(referee);
  same(referee.waiting.size, 0, "S3", () => "calls that wait when their time is over");
  for (const c of [...model.connections.values()]) doDetach(referee, c);
  const names = model.devices.size === 0 ? ["device-0"] : [...model.devices.keys()];
  for (const name of names) {
    world.machineNow += 1;
    const device = Number(name.slice(name.indexOf("-") + 1));
    const c = doAttach(referee, { device, window: WINDOW, after: "none", tokenMs: TOKEN_MS, tokenAgeMs: 0 });
    if (c === undefined) continue;
    while (ackAll(referee, c)) world.machineNow += 1;
    doDetach(referee, c);
  }
  doHeld(referee, { do: "held", skip: 0, limit: 1_000 });
  // Whatever is due, runs; more than once, as one thing may make another due.
  for (let rounds = 0; rounds < 20 && world.dueAt() !== undefined; rounds += 1) {
    if ((world.dueAt() ?? 0) > world.now) break;
    world.machineNow = Math.max(world.machineNow, world.alarmAt ?? 0);
    doAlarm(referee);
  }
  const dueAt = world.dueAt();
  expect(dueAt === undefined || dueAt > world.now, "D8", () => `due at ${dueAt} for ever; it is ${world.now}`);
  tellAll(referee);
  doDeadLetters(referee, "all");
  doUser(referee);
  checkEnds(referee);
  checkStorage(referee);
  checkMeasured(referee);
  same(world.onlooker.open.size, 0, "N6", () => "messages that were seen to be accepted, and not to end");
};

/** Every message that was accepted has been counted once as delivered, or as what it ended as otherwise, and is held no more. */
const checkMeasured = ({ model, world: { measured }, hasErased }: Referee): void => {
  const ends = ["expired", "rejected", "undeliverable", "replaced", "recalled", "erased"] as const;
  const ended = ends.reduce((sum, end) => sum + measured.count(`ended_${end}`), measured.count("messages_delivered"));
  same(ended, measured.count("messages_accepted"), "M1", () => "messages counted as ended, against those accepted");
  const pairs = measured.pairs();
  let held = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    const [id, count] = [pairs[at] as number, pairs[at + 1] as number];
    if (id > COUNTS_END && Leases.isOf("held", id)) held += count;
  }
  same(held, 0, "M1", () => "messages counted as held");
  for (const end of ["expired", "rejected", "undeliverable"] as const) {
    expect(measured.count(`failed_${end}`) <= measured.count(`ended_${end}`), "M1", () => `more failed than ${end}`);
  }
  expect(measured.count("messages_rescued") <= measured.count("messages_accepted_away"), "M1", () => "rescues");
  const events = (["fallback", "expired", "rejected", "undeliverable"] as const).map(
    (end) => `webhooks_${end}` as const,
  );
  const told = events.reduce((sum, event) => sum + measured.count(event), 0);
  const over = measured.count("webhooks_taken") + measured.count("webhooks_given_up");
  // An erasure takes along what is still to be told.
  const words = () => `webhooks counted: ${told}, of ${model.told.size}; ${over} taken or given up`;
  expect(hasErased ? told >= model.told.size : told === model.told.size, "M1", words);
  expect(hasErased ? over <= told : over === told, "M1", words);
};

/** Whatever the webhook is to be told it is told at last, or it has failed ten times. */
const tellAll = (referee: Referee): void => {
  const { model, world } = referee;
  for (let tries = 0; tries < 10_000; tries += 1) {
    const [row] = world.sql.exec<{ at: number | null }>("SELECT MIN(next_at) AS at FROM webhooks");
    if (row?.at == null) break;
    world.machineNow = Math.max(world.machineNow, row.at);
    doTell(referee);
  }
  const failed = new Set(world.sql.exec<{ id: string }>("SELECT id FROM webhooks").map(({ id }) => id));
  for (const id of model.told) {
    expect(world.taken.has(id) || failed.has(id), "N2", () => `${id} is neither at the receiver nor here`);
    const times = world.received.filter((received) => received === id).length;
    expect(!failed.has(id) || times >= 10, "N2", () => `${id} was given up after ${times} attempts`);
  }
};

/** Every accepted message has ended, in the way that the model says. */
const checkEnds = (referee: Referee): void => {
  const { model } = referee;
  const turn = referee.turn((delivery, now) => {
    for (const m of model.messages) {
      if (model.byId(m.id) !== m) continue;
      const reply = delivery.state(m.id, now);
      expect(reply.ok || !model.isKnown(m, now), "S10", () => `${m.seq} (${m.id}) is not known any more`);
      const isStuck = m.ephemeral && m.end === undefined;
      expect(isStuck || model.status(m, now) !== "queued", "D1", () => `${m.seq} has not ended`);
      if (reply.ok) referee.checkState(m, reply.message, now);
    }
  });
  if (turn !== undefined) referee.settle(turn);
};

const checkStorage = ({ world, model }: Referee): void => {
  const count = (query: string) => world.sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM ${query}`)[0]?.n;
  same(count("packs"), 0, "D1", () => "messages stored after the end of all");
  same(count("trails"), 0, "N3", () => "connections that trails tell of, with nothing held");
  const passed = Math.min(...[...model.devices.values()].map((device) => device.cursor));
  same(count(`losses WHERE seq <= ${passed}`), 0, "C4", () => "losses stored that everybody has passed");
  const ended = world.sql.exec<{ ends: string }>("SELECT ends FROM journal").flatMap(({ ends }) =>
    ends
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as [number])[0]),
  );
  const journal = new Set(ended);
  same(ended.length, journal.size, "S1", () => "number of ends, against that of messages ended");
  for (const { seq, reason } of world.sql.exec<{ seq: number; reason: string }>(
    "SELECT seq, reason FROM dead_letters",
  )) {
    const m = model.bySeq(seq);
    same(m?.end, reason, "D6", () => `end of dead letter ${seq}`);
    expect(
      DEAD_LETTER_REASONS.some((r) => r === reason),
      "D6",
      () => `${reason} makes no dead letter`,
    );
  }
};
