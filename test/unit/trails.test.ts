/** N3 at its edges: what is kept where there is more than has room, what is not known, and what nothing is written for. */
import { serialize } from "node:v8";
import { expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { type Attachment, Session } from "../../src/delivery/session.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { TrailStep } from "../../src/protocol/trail.ts";
import { DELIVERY_DEFAULTS, type DeliverySettings } from "../../src/settings/delivery.ts";

const AT = Date.UTC(2026, 10, 23);
const SETTINGS: DeliverySettings = { ...DELIVERY_DEFAULTS, directGraceMs: 0 };
type Step = TrailStep & { readonly connection_id?: string; readonly code?: number };

/** A Mailbox's core, and the time, which goes on by a millisecond with each call. */
class Core {
  readonly sql = new NodeSql();
  now = AT;
  /** As the runtime keeps them: as they are after a turn. */
  readonly attachments = new Map<string, Attachment>();
  #calls = 0;
  #delivery = this.#built();

  #built(): Delivery {
    const sessions = [...this.attachments.values()].map((attachment) => Session.restore(attachment));
    return new Delivery(new Outbox(this.sql, SETTINGS, "m"), SETTINGS, sessions, () => undefined, this.now);
  }

  #turn<T>(work: (delivery: Delivery, now: number) => T): T {
    this.now += 1;
    const result = work(this.#delivery, this.now);
    const { effects, touched } = this.#delivery.takeEffects();
    for (const session of touched) this.attachments.set(session.id, session.attachment());
    for (const effect of effects) if (effect.kind === "close") this.attachments.delete(effect.connection);
    return result;
  }

  /** Its memory is gone, `attachments` are what they were, or were made. */
  wake(): void {
    this.#delivery = this.#built();
  }

  crash(): void {
    this.attachments.clear();
    this.wake();
  }

  attach(id: string, device = id, after?: number): void {
    const token = { issuedAt: AT, expiresAt: AT + LIMITS.tokenTtlMaxMs };
    const call = { user: "ada", device, window: 256, token, tag: "t", ...(after === undefined ? {} : { after }) };
    this.#turn((delivery, now) => delivery.attach(call, id, now));
  }

  detach(id: string, code = 1006): void {
    this.attachments.delete(id);
    this.#turn((delivery, now) => delivery.detach(id, code, now));
  }

  send(): number {
    this.#calls += 1;
    const send = { user: "ada", messages: [{ type: "t", bytes: 12 }] };
    const [outcome] = this.#turn((delivery, now) => delivery.send([{ call: this.#calls, send }], now));
    const reply = outcome?.replies[0];
    if (reply?.ok !== true) throw new Error("It was refused.");
    return reply.message.seq;
  }

  say(id: string, frame: object): void {
    this.#turn((delivery, now) => delivery.receive(id, JSON.stringify(frame), now));
  }

  trail(seq: number): readonly Step[] {
    const state = this.#turn((delivery, now) => delivery.state(`~${seq}`, now));
    if (!state.ok || !("type" in state.message)) throw new Error(`${seq} is not held.`);
    return JSON.parse(state.message.trail ?? "") as Step[];
  }

  letters(): readonly (readonly Step[])[] {
    const { items } = this.#turn((delivery, now) => delivery.deadLetters(0, 10, { all: true }, now));
    return items.map(({ trail }) => JSON.parse(trail ?? "") as Step[]);
  }

  changedBy(work: () => void): number {
    const total = () => this.sql.exec<{ n: number }>(`SELECT total_changes() AS n`)[0]?.n ?? 0;
    const before = total();
    work();
    return total() - before;
  }

  count(table: string): number {
    return this.sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`)[0]?.n ?? 0;
  }
}

const eventsOf = (steps: readonly Step[]): readonly string[] => steps.map(({ event }) => event);
const at = (steps: readonly Step[], event: string): number =>
  Date.parse(steps.find((step) => step.event === event)?.at ?? "");

test("[N3] a reader that is ahead of another by hundreds of acks: few numbers are kept, and each trail is true by them", () => {
  const core = new Core();
  core.attach("slow");
  core.detach("slow");
  core.attach("fast");
  const times = new Map<number, { readonly sent: number; readonly acked: number }>();
  let alone = 0;
  for (let n = 0; n < 300; n += 1) {
    core.now += n % 50 === 0 ? 60_000 : 5;
    const seq = core.send();
    const sent = core.now;
    core.say("fast", { type: "ack", seq });
    times.set(seq, { sent, acked: core.now });
    alone = Math.max(alone, serialize(core.attachments.get("fast")).length);
  }
  // It is written with each ack: it stays small.
  expect(core.attachments.get("fast")?.answered?.length).toBeLessThanOrEqual(8 * 5);
  expect(alone).toBeLessThan(1_000);
  core.wake();
  let apart = 0;
  for (const [seq, { sent, acked }] of times) {
    const steps = core.trail(seq);
    expect(eventsOf(steps)).toEqual(["accepted", "sent", "acked"]);
    expect(at(steps, "sent")).toBeLessThanOrEqual(sent);
    expect(at(steps, "acked")).toBeGreaterThanOrEqual(acked);
    // Those of one burst share their times; those of others do not.
    expect(at(steps, "acked") - acked).toBeLessThan(30_000);
    if (at(steps, "acked") === acked) apart += 1;
  }
  expect(apart).toBeGreaterThanOrEqual(6);
});

test("[N3] what is alone to be acked is nothing to keep", () => {
  const core = new Core();
  core.attach("phone");
  for (let n = 0; n < 20; n += 1) core.say("phone", { type: "ack", seq: core.send() });
  expect(core.attachments.get("phone")?.answered).toEqual([]);
  expect(core.changedBy(() => core.detach("phone", 1000))).toBeGreaterThan(0);
  expect(core.count("trails")).toBe(0);
});

test("[N3] of connections that have ended the newest are kept, at a row each; a trail has its first step and the newest", () => {
  const core = new Core();
  const seq = core.send();
  const kept = LIMITS.trailConnectionsMax;
  const end = (n: number) => {
    core.attach(`c${n}`, "phone");
    return core.changedBy(() => core.detach(`c${n}`));
  };
  const first = end(0);
  for (let n = 1; n < kept + 10; n += 1) expect(end(n)).toBe(first);
  expect(core.count("trails")).toBe(kept);
  const steps = core.trail(seq);
  expect(steps).toHaveLength(LIMITS.trailStepsMax);
  expect(steps[0]?.event).toBe("accepted");
  expect(steps.at(-1)).toMatchObject({ event: "closed", connection_id: `c${kept + 9}`, code: 1006 });
  expect(steps.at(-3)).toMatchObject({ event: "closed", connection_id: `c${kept + 8}` });
  // All of them go with the last message that they were sent.
  core.attach("last", "phone");
  core.say("last", { type: "ack", seq });
  core.detach("last");
  expect(core.count("trails")).toBe(0);
});

test("[N3] a connection that ends with nothing held of what it was sent leaves no row", () => {
  const core = new Core();
  core.attach("phone");
  core.attach("tab", "phone");
  const seq = core.send();
  core.say("phone", { type: "ack", seq });
  core.say("tab", { type: "ack", seq });
  core.detach("tab");
  core.detach("phone");
  expect(core.count("trails")).toBe(0);
});

test("[N3] after a crash nobody knows what went out on the sockets that are gone: no step is invented", () => {
  const core = new Core();
  core.attach("away");
  core.detach("away");
  core.attach("phone");
  const [acked, rejected, open] = [core.send(), core.send(), core.send()];
  core.say("phone", { type: "ack", seq: acked });
  core.say("phone", { type: "reject", seq: rejected, reason: "no" });
  expect(eventsOf(core.trail(rejected))).toEqual(["accepted", "sent", "rejected"]);
  core.crash();
  expect(eventsOf(core.trail(acked))).toEqual(["accepted"]);
  expect(eventsOf(core.trail(open))).toEqual(["accepted"]);
  expect(eventsOf(core.trail(rejected))).toEqual(["accepted"]);
  // The rejection itself is on record: its dead letter has it, without the connection.
  core.now += LIMITS.ttlDefaultMs;
  const [letter] = core.letters();
  expect(letter).toEqual([
    { at: expect.any(String), event: "accepted" },
    { at: expect.any(String), event: "rejected", reason: "no" },
  ]);
});

test("[N3] a device that has it attached, and says so: that is its ack", () => {
  const core = new Core();
  core.attach("away");
  core.detach("away");
  core.attach("phone");
  const seq = core.send();
  core.detach("phone", 1001);
  expect(eventsOf(core.trail(seq))).toEqual(["accepted", "sent", "closed"]);
  core.attach("back", "phone", seq);
  const steps = core.trail(seq);
  expect(eventsOf(steps)).toEqual(["accepted", "sent", "closed", "acked"]);
  expect(steps.map((step) => step.connection_id)).toEqual([undefined, "phone", "phone", "back"]);
  core.wake();
  expect(core.trail(seq)).toEqual(steps);
});

test("[O2, N3] an attachment as the release before has left it is read, and one of this release is good for that one", () => {
  const core = new Core();
  core.attach("other");
  core.attach("phone");
  const [seq, next] = [core.send(), core.send()];
  core.say("phone", { type: "ack", seq });
  const ours = core.attachments.get("phone") as Attachment;
  expect(ours.v).toBe(1);
  const { answered: _, ...theirs } = ours;
  core.attachments.set("phone", theirs);
  core.wake();
  // Who acked the first is not known any more; what is in flight has its time.
  expect(core.trail(next).filter((step) => step.connection_id === "phone")).toMatchObject([{ event: "sent" }]);
  expect(core.trail(seq).filter((step) => step.connection_id === "phone")).toEqual([]);
});
