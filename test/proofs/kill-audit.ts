/**
 * Judges one user after the kills: every message that was answered is in exactly one place, was not lost, not doubled, not reordered.
 *
 * A message is known by its token, whatever its id and seq: a requeue gives it new ones. Its places are the list of what is held and
 * the list of dead letters; without either it must have reached a reader, and its state must be an end that explains it.
 */
import type { Backend } from "../support/backend.ts";
import type { Ledger } from "./kill-senders.ts";
import { eachOf, type Looked, lookUp, type Places } from "./places.ts";
import type { Reader } from "./reader.ts";
import type { RequeuedMessage } from "./requeuer.ts";
import { orderViolations } from "./sends.ts";

interface Evidence {
  readonly ledger: Ledger;
  readonly readers: readonly Reader[];
  readonly requeued: readonly RequeuedMessage[];
  readonly places: Places;
}

/** Requests at once: enough to keep two cores busy. */
const AT_ONCE = 16;

export const audit = async (backend: Backend, evidence: Evidence): Promise<readonly string[]> => {
  const { ledger, readers, places } = evidence;
  const found: string[] = [...orderViolations(ledger.accepted), ...readers.flatMap((r) => r.violations)];
  const say = (what: string) => found.push(`${ledger.user}: ${what}`);
  const seen = incarnations(evidence, say);

  const placedAt = new Map<string, string[]>();
  for (const [place, messages] of [
    ["held", places.held],
    ["dead letter", places.dead],
  ] as const) {
    for (const m of messages) placedAt.set(m.token, [...(placedAt.get(m.token) ?? []), `${place} ${m.seq}`]);
  }
  for (const [token, at] of placedAt) if (at.length > 1) say(`[D1] ${token} is in two places: ${at.join(", ")}`);

  const heldSeqs = new Set(places.held.map((m) => m.seq));
  const deadSeqs = new Set(places.dead.map((m) => m.seq));
  const looked = new Map<string, Looked>();
  const look = async (id: string): Promise<Looked> => {
    const known = looked.get(id) ?? (await lookUp(backend, ledger.user, id));
    looked.set(id, known);
    return known;
  };
  await eachOf(ledger.accepted, AT_ONCE, async (m) => {
    const { seq, status } = await look(m.id);
    if (seq !== m.seq) {
      // It was never stored: every device had it before its sender was told so.
      const isForgotten = m.status === "delivered" && ledger.waited.has(m.token);
      if (isForgotten && readers.some((r) => r.has(m.seq))) return;
      say(`[D1] ${m.token} (${m.id}, ${m.seq}) is lost: ${status}`);
      return;
    }
    const known = seen.get(m.token) ?? new Map<number, string>();
    const wasRead = [...known.keys()].some((s) => readers.some((r) => r.has(s)));
    const expected = heldSeqs.has(seq)
      ? ["queued", "delivered"]
      : deadSeqs.has(seq)
        ? ["expired"]
        : ["delivered", "expired"];
    if (!expected.includes(status))
      say(`[D1] ${m.token} (${seq}) is ${status}, and should be ${expected.join(" or ")}`);
    if (m.status === "delivered" && status !== "delivered") say(`[D9] ${m.token} was delivered, and is ${status}`);
    if (status === "delivered" && !wasRead) say(`[D1] ${m.token} (${seq}) is delivered, and reached nobody`);
    if (placedAt.has(m.token) || status === "delivered") return;
    // Expired, and no dead letter any more: it was requeued, and its last incarnation was delivered.
    const last = Math.max(...known.keys());
    const end = last === seq ? status : (await look(known.get(last) as string)).status;
    if (end !== "delivered") say(`[D1] ${m.token} is nowhere: ${[...known].join(" → ")}, ends as ${end}`);
  });
  await requeueViolations(ledger, seen, look, say);
  for (const reader of readers) {
    if (reader.holes > 0) say(`[C3] ${reader.device} found ${reader.holes} frames missing on open sockets`);
  }
  found.push(...unheardOf(evidence, seen));
  return found;
};

type Incarnations = ReadonlyMap<string, Map<number, string>>;

/** By token: every seq it ever had, with its id, from whoever saw it. */
const incarnations = ({ ledger, readers, places }: Evidence, say: (what: string) => void): Incarnations => {
  const seen = new Map<string, Map<number, string>>();
  const tokenOf = new Map<number, string>();
  const seqOf = new Map<string, number>();
  const note = (token: string, seq: number, id: string) => {
    if ((tokenOf.get(seq) ?? token) !== token) say(`[D10] ${seq} is ${tokenOf.get(seq)} and ${token}`);
    if ((seqOf.get(id) ?? seq) !== seq && !ledger.waited.has(token))
      say(`[S4] ${id} is a message at ${seqOf.get(id)} and at ${seq}`);
    tokenOf.set(seq, token);
    seqOf.set(id, seq);
    const known = seen.get(token) ?? new Map<number, string>();
    seen.set(token, known.set(seq, id));
  };
  for (const m of ledger.accepted) note(m.token, m.seq, m.id);
  for (const m of [...places.held, ...places.dead]) note(m.token, m.seq, m.id);
  for (const reader of readers) for (const m of reader.received) note(m.data.token, m.seq, m.id);
  const sent = new Set([...ledger.accepted.map((m) => m.token), ...ledger.unknown]);
  for (const token of seen.keys()) if (!sent.has(token)) say(`[S1] ${token} is there, and nobody sent it`);
  return seen;
};

/** Each further incarnation comes from a requeue of an earlier one, and each is requeued once. */
const requeueViolations = async (
  ledger: Ledger,
  seen: Incarnations,
  look: (id: string) => Promise<Looked>,
  say: (what: string) => void,
): Promise<void> => {
  // One id at several seqs: it was on its way when the Mailbox was killed, and was sent again (S13).
  const several = [...seen].filter(([, known]) => new Set(known.values()).size > 1);
  await eachOf(several, AT_ONCE, async ([token, known]) => {
    const from: number[] = [];
    for (const [seq, id] of known) {
      const { requeuedFrom, status } = await look(id);
      if (requeuedFrom !== undefined) from.push(requeuedFrom);
      if (requeuedFrom !== undefined && requeuedFrom >= seq) say(`[D7] ${seq} is requeued from ${requeuedFrom}`);
      if (status.startsWith("4")) say(`[D1] ${token} (${seq}, ${id}) is lost: ${status}`);
    }
    if (from.length < known.size - 1) say(`[S4] ${token} is there twice: ${[...known].join(", ")}`);
    if (new Set(from).size < from.length) say(`[D7] ${token} was requeued twice from one: ${from.join(", ")}`);
  });
  if (new Set(ledger.unknown).size < ledger.unknown.length) say("The proof itself counts a token twice.");
};

const bySeq = ([a]: readonly [number, string], [b]: readonly [number, string]): number => a - b;
const swap = ([seq, id]: readonly [number, string]): readonly [string, number] => [id, seq];

/** C4, D5: a message above a device's start was shown to it, or lies in a gap that was. */
const unheardOf = ({ ledger, readers }: Evidence, seen: Incarnations): readonly string[] =>
  [...new Set(readers.map((r) => r.device))].flatMap((device) => {
    const own = readers.filter((r) => r.device === device && r.cursors.length > 0);
    if (own.length === 0) return [];
    const from = Math.min(...own.map((r) => r.cursors[0] as number));
    const to = Math.max(...own.map((r) => r.processedSeq));
    const gaps = own.flatMap((r) => r.gaps);
    const isShown = (seq: number) => own.some((r) => r.has(seq)) || gaps.some((g) => g.prev < seq && seq <= g.seq);
    // What was sent again under its id stands where it came last.
    const seqs = ledger.accepted.flatMap((m) => [
      ...new Map([...(seen.get(m.token) ?? [])].sort(bySeq).map(swap)).values(),
    ]);
    return seqs
      .filter((seq) => seq > from && seq <= to && !isShown(seq))
      .map((seq) => `${ledger.user}: [C4] ${device} was neither shown ${seq} nor told of its loss`);
  });
