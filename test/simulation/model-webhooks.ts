/** What the webhook is told of: the ends that are switched on, and what nobody has acked by its time; each once, and nothing else. */
import { DEAD_LETTER_REASONS } from "../../src/protocol/message.ts";
import { expect, fail } from "./mismatch.ts";
import type { Message, Model } from "./model.ts";

export interface ToldRow {
  readonly id: string;
  readonly event: string;
  readonly seq: number;
  readonly body: string;
}

export const idOf = (seq: number, what: string): string => `msg_m_${seq}_${what}`;

/** Looks at what is stored after a turn: what is new in it must be so, and what must be there is. */
export const noteTold = (model: Model, rows: readonly ToldRow[], now: number): void => {
  for (const row of rows) {
    if (model.told.has(row.id)) continue;
    const m = model.bySeq(row.seq);
    if (m === undefined) return fail("N2", `the webhook is told of ${row.seq}, which there is not`);
    checkWords(m, row);
    if (row.event === "message.fallback") noteFallback(model, m, now);
    else {
      const isOn = model.settings.webhookEvents.some((event) => event === row.event);
      const isSo = isOn && row.event === `message.${m.end}` && row.id === idOf(m.seq, m.end ?? "");
      expect(isSo, "N2", () => `the webhook is told of ${row.event} of ${m.seq}, which is ${m.end}`);
    }
    model.told.add(row.id);
  }
  for (const m of model.messages) if (m.endedIn === model.turn) checkEndTold(model, m);
};

const checkWords = (m: Message, { body, event }: ToldRow): void => {
  const { type, data } = JSON.parse(body) as { type: string; data: { user: string; id: string; data?: unknown } };
  const isSame = type === event && data.user === "user" && data.id === m.id && JSON.stringify(data.data) === m.data;
  expect(isSame, "N2", () => `what the webhook is told of ${m.seq}: ${body}`);
};

const noteFallback = (model: Model, m: Message, now: number): void => {
  const { fallbackAt } = m;
  expect(fallbackAt !== undefined, "N2", () => `${m.seq} goes to the webhook, and has no fallback any more`);
  const isDead = DEAD_LETTER_REASONS.some((reason) => reason === m.end);
  const isDue = m.end === undefined && (fallbackAt ?? 0) <= now && !model.isAcked(m);
  expect(isDead || isDue, "N2", () => `${m.seq} goes to the webhook at ${now}, is due at ${fallbackAt}, and ${m.end}`);
  m.fallbackAt = undefined;
  m.escalatedAt = now;
};

/** A dead letter is told of where that is switched on; and one with a fallback will never be acked. */
const checkEndTold = (model: Model, m: Message): void => {
  if (!DEAD_LETTER_REASONS.some((reason) => reason === m.end)) return;
  const isOn = model.settings.webhookEvents.some((event) => event === `message.${m.end}`);
  const isTold = !isOn || model.told.has(idOf(m.seq, m.end ?? ""));
  expect(isTold, "N2", () => `the webhook is not told that ${m.seq} ended as ${m.end}`);
  expect(m.fallbackAt === undefined, "N2", () => `${m.seq} ended as ${m.end}, and its fallback was not told of`);
};

/** Those that go to the webhook once they are due; what an ack calls off does not. */
export const awaiting = (model: Model): readonly Message[] =>
  model.messages.filter((m) => m.fallbackAt !== undefined && m.end === undefined && !m.ephemeral && !model.isAcked(m));
