/** What trails may say, and what they have to (N3): each step is true, and of what is known none is missing. */
import { rfc3339 } from "../../src/protocol/instant.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { TrailStep } from "../../src/protocol/trail.ts";
import { expect, fail, same } from "./mismatch.ts";
import type { Letter, Message, Model } from "./model.ts";
import type { Connection } from "./model-connection.ts";

/** What became of one message on one connection. */
export interface Passage {
  readonly device: string;
  /** Undefined where its device said as it attached that it has it. */
  readonly sentAt: number | undefined;
  answer?: { readonly as: "acked" | "rejected"; readonly at: number };
  closed?: { readonly at: number; readonly code: number };
  /** Its connection has ended with the object, or what it said may have been said before: nobody has to know it. */
  isUnknown: boolean;
}

export const noteSent = (m: Message, c: Connection, now: number): void => {
  m.passages.set(c.id, { device: c.device, sentAt: now, isUnknown: false });
};

/** The client of a connection has acked through `seq`, or rejected from `rejected` on. */
export const noteAnswer = (model: Model, c: Connection, seq: number, now: number, rejected = seq + 1): void => {
  for (const m of model.messages) {
    const passage = m.passages.get(c.id);
    if (passage === undefined || m.seq > seq || m.end !== undefined) continue;
    passage.answer ??= { as: m.seq < rejected ? "acked" : "rejected", at: now };
  }
};

/** A device has said as it attached that it has `(after, start]`; some of it it may have acked before. */
export const noteHad = (
  model: Model,
  c: Connection,
  after: number,
  acked: number,
  start: number,
  now: number,
): void => {
  for (const m of model.messages) {
    if (m.seq <= after || m.seq > start || m.end !== undefined || m.ephemeral) continue;
    const answer = { as: "acked", at: now } as const;
    m.passages.set(c.id, { device: c.device, sentAt: undefined, answer, isUnknown: m.seq <= acked });
  }
};

export const noteClosed = (model: Model, c: Connection, code: number, now: number): void => {
  model.connectionsEnded += 1;
  for (const m of model.messages) {
    const passage = m.passages.get(c.id);
    if (passage !== undefined && m.end === undefined) passage.closed = { at: now, code };
  }
};

/** The object is gone, and with it what only its sockets knew. */
export const loseTrails = (model: Model): void => {
  for (const m of model.messages) {
    if (m.end !== undefined) continue;
    for (const id of model.connections.keys()) {
      const passage = m.passages.get(id);
      if (passage !== undefined) passage.isUnknown = true;
    }
  }
};

type Step = TrailStep & { readonly connection_id?: string; readonly device?: string };

export const checkTrail = (model: Model, m: Message, text: string | undefined, now: number, letter?: Letter): void => {
  if (text === undefined) return fail("N3", `${m.seq} has no trail`);
  const steps = JSON.parse(text) as readonly Step[];
  const what = (words: string) => () => `${words} in the trail of ${m.seq}: ${text}`;
  const { requeuedFrom, acceptedAt } = m;
  const first = { at: rfc3339(acceptedAt), event: requeuedFrom === undefined ? "accepted" : "requeued" };
  const from = requeuedFrom === undefined ? {} : { from: requeuedFrom };
  same(JSON.stringify(steps[0]), JSON.stringify({ ...first, ...from }), "N3", what("the first step"));
  const isSorted = steps.every((step, at) => at === 0 || (steps[at - 1] as Step).at <= step.at);
  expect(isSorted || model.hasSteppedBack, "N3", what("an order that is none"));
  const isWhole = steps.length < LIMITS.trailStepsMax && model.connectionsEnded <= LIMITS.trailConnectionsMax;
  const until = letter?.reason === "expired" ? letter.endedAt : Number.MAX_SAFE_INTEGER;
  for (const [id, passage] of m.passages) {
    const own = steps.filter((step) => step.connection_id === id);
    if (own.length === 0 && passage.isUnknown) continue;
    const events = own.map((step) => step.event).join();
    if (isWhole) same(events, eventsOf(passage, until), "N3", what(`what became of it on ${id}`));
    for (const step of own) {
      same(step.device, passage.device, "N3", what(`the device of ${id}`));
      checkTime(m, passage, step, now, model.hasSteppedBack, what);
    }
  }
  const strange = steps.find(({ connection_id: id }) => id !== undefined && !m.passages.has(id));
  expect(strange === undefined, "N3", what("a connection that was not sent it"));
  checkOthers(m, steps, letter, what, now);
};

const eventsOf = ({ sentAt, answer, closed }: Passage, until: number): string =>
  [
    ...(sentAt === undefined ? [] : ["sent"]),
    ...(answer !== undefined && answer.at <= until ? [answer.as] : []),
    ...(answer === undefined && closed !== undefined && closed.at <= until ? ["closed"] : []),
  ].join();

/** What nobody has answered has its own times; the rest may share them with its neighbours. */
const checkTime = (
  m: Message,
  { sentAt, answer, closed }: Passage,
  step: Step,
  now: number,
  hasSteppedBack: boolean,
  what: (words: string) => () => string,
): void => {
  const at = Date.parse(step.at);
  switch (step.event) {
    case "sent": {
      if (answer === undefined) return same(at, sentAt, "N3", what("when it was sent"));
      return expect(at <= (sentAt ?? 0) && at >= m.acceptedAt, "N3", what("when it was sent, at the earliest"));
    }
    case "acked":
    case "rejected":
      return expect(at >= (answer?.at ?? now + 1) && (at <= now || hasSteppedBack), "N3", what("when it was answered"));
    case "closed":
      same(at, closed?.at, "N3", what("when its connection ended"));
      return same(step.code, closed?.code, "N3", what("what its connection was closed with"));
    default:
      return fail("N3", what(`${step.event} of a connection`)());
  }
};

/** What is of no connection: its fallback, its end, and the words that count. */
const checkOthers = (
  m: Message,
  steps: readonly Step[],
  letter: Letter | undefined,
  what: (words: string) => () => string,
  now: number,
): void => {
  const atOf = (event: string) => steps.filter((step) => step.event === event).map((step) => Date.parse(step.at));
  // With a dead letter that has ended in this very turn its fallback has gone.
  const escalatedAt = m.escalatedAt ?? (letter !== undefined && m.fallbackAt !== undefined ? now : "");
  same(atOf("fallback").join(), `${escalatedAt}`, "N3", what("its fallback"));
  for (const end of ["expired", "undeliverable"] as const) {
    same(atOf(end).join(), letter?.reason === end ? `${letter.endedAt}` : "", "N3", what(`whether it is ${end}`));
  }
  const last = steps.findLast((step) => step.event === "rejected");
  expect(letter?.reason !== "rejected" || last !== undefined, "N3", what("no rejection"));
  if (last?.event === "rejected") same(last.reason, m.rejectReason, "N3", what("the reason"));
};
