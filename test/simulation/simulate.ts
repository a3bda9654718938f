/** Runs one schedule against the reference model, from an empty mailbox to the end of every message. */
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { DELIVERY_DEFAULTS, type DeliverySettings } from "../../src/settings/delivery.ts";
import { doAck, doOddAck, doReject } from "./do-acks.ts";
import { doHeld, doRecall, doRevoke, doState, doUser } from "./do-calls.ts";
import { doBulk, doDeadLetters, doDiscard, doRequeue } from "./do-dead-letters.ts";
import { doAlarm, doTell } from "./do-due.ts";
import { doErase, doHangUp, doSend, endGrace, endWaits } from "./do-sends.ts";
import { doAttach, doBadFrame, doDetach, doPing, doProlong, pickConnection } from "./do-streams.ts";
import { Mismatch } from "./mismatch.ts";
import type { Op, Schedule } from "./operations.ts";
import { quiesce } from "./quiesce.ts";
import { Referee } from "./referee.ts";
import { HEARTBEAT_MS, scheduleOf, TTL_DEFAULT_MS, TTL_MAX_MS } from "./schedules.ts";
import { World } from "./world.ts";

const STARTED_AT = Date.UTC(2026, 0, 1);
/** Each operation takes some time: no two happen in one millisecond. */
const OP_MS = 3;

const perform = (referee: Referee, op: Op): void => {
  const { world } = referee;
  switch (op.do) {
    case "send":
      return doSend(referee, op.calls, op.dies);
    case "attach":
      return void doAttach(referee, op, op.dies);
    case "detach": {
      const c = pickConnection(referee, op.conn);
      if (c !== undefined) doDetach(referee, c, op.dies);
      return;
    }
    case "ack":
      return doAck(referee, op);
    case "odd_ack":
      return doOddAck(referee, op);
    case "bad_frame":
      return doBadFrame(referee, op);
    case "reject":
      return doReject(referee, op);
    case "ping":
      return doPing(referee, op);
    case "prolong":
      return doProlong(referee, op);
    case "recall":
      return doRecall(referee, op.message, op.dies);
    case "state":
      return doState(referee, op.message, op.dies);
    case "held":
      return doHeld(referee, op);
    case "user":
      return doUser(referee, op.dies);
    case "dead_letters":
      return doDeadLetters(referee, op.of, op.dies);
    case "requeue":
      return doRequeue(referee, op);
    case "discard":
      return doDiscard(referee, op.of, op.dies);
    case "bulk":
      return doBulk(referee, op);
    case "revoke":
      return doRevoke(referee, op.dies);
    case "erase":
      return doErase(referee, op.calls, op.dies);
    case "advance":
      world.machineNow += op.ms;
      if (op.late) return;
      endGrace(referee);
      return endWaits(referee);
    case "clock_back":
      world.machineNow -= op.ms;
      return;
    case "alarm":
      return doAlarm(referee, op.dies);
    case "tell":
      return void doTell(referee, op.dies);
    case "hibernate":
      return referee.hibernate();
    case "crash":
    case "deploy":
      // Which code a socket is closed with makes no difference to who is gone.
      return referee.crash();
    case "lose_frame": {
      const c = pickConnection(referee, op.conn);
      if (c !== undefined) c.loseNext = true;
      return;
    }
    case "hang_up":
      return doHangUp(referee, op.call);
  }
};

/** C3: a client that has seen a hole closes, and comes back with what it has processed. */
const resync = (referee: Referee): void => {
  for (const c of [...referee.model.connections.values()]) {
    if (!c.sawHole) continue;
    doDetach(referee, c);
    const device = Number(c.device.slice(c.device.indexOf("-") + 1));
    doAttach(referee, {
      device,
      window: c.window,
      after: "processed",
      tokenMs: 3_600_000,
      tokenAgeMs: 0,
    });
  }
};

let database: NodeSql | undefined;
let tables: readonly string[] = [];

/** An empty database: the same one again, as making one takes longer than a schedule. */
const emptyDatabase = (settings: DeliverySettings): NodeSql => {
  if (database === undefined) {
    database = new NodeSql();
    new Outbox(database, settings);
    tables = database
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'migrations'")
      .map(({ name }) => name);
  }
  for (const table of tables) database.exec(`DELETE FROM ${table}`);
  return database;
};

export interface Failure {
  readonly words: string;
  /** The operation after which it was seen; as many as there are = at the end. */
  readonly at: number;
}

export const runSchedule = (schedule: Schedule): Failure | undefined => {
  const settings: DeliverySettings = {
    ...DELIVERY_DEFAULTS,
    heartbeatMs: HEARTBEAT_MS,
    ttlDefaultMs: TTL_DEFAULT_MS,
    ttlMaxMs: TTL_MAX_MS,
    ...schedule.settings,
  };
  const world = new World(emptyDatabase(settings), settings, STARTED_AT, schedule.takesEach);
  const referee = new Referee(world, settings);
  let at = 0;
  try {
    for (const op of schedule.ops) {
      world.machineNow += OP_MS;
      perform(referee, op);
      resync(referee);
      at += 1;
    }
    quiesce(referee);
    return undefined;
  } catch (error) {
    // A throw of the code itself is a failure as well: expected ones are values.
    const words = error instanceof Mismatch ? error.message : `it threw: ${(error as Error).stack}`;
    database = error instanceof Mismatch ? database : undefined;
    return { words, at };
  }
};

export const runSeed = (seed: number): Failure | undefined => runSchedule(scheduleOf(seed));
