/** What is held, whatever row it shares. The rules about it stand in `accepting.ts` and `ending.ts`. */
import { earlier, type Head, type Held, type Pack, type Placed } from "./pack-heads.ts";
import type { Packs } from "./packs.ts";
import { Topics } from "./topics.ts";

export type { Head, Held } from "./pack-heads.ts";

/** What is taken in is written at the latest when it has so many characters: a backlog must not pass through memory. */
const UNWRITTEN_MAX_CHARS = 1_024 * 1_024;

export interface Summary {
  readonly count: number;
  readonly bytes: number;
  readonly oldestAt: number | null;
}

export class Messages {
  readonly #packs: Packs;
  readonly #topics = new Topics(() => this.#withTopics());
  #count = 0;
  #bytes = 0;
  #rejected = 0;
  /** A lower bound: that of what has gone may linger until its time comes. */
  #nextExpiry = Number.POSITIVE_INFINITY;
  /** A lower bound, too. */
  #nextFallback: number | null = null;
  #highest: number;
  #unwritten: Held[] = [];
  #unwrittenChars = 0;

  constructor(packs: Packs) {
    this.#packs = packs;
    for (const { count, bytes, rejected } of packs.all) {
      this.#count += count;
      this.#bytes += bytes;
      this.#rejected += rejected;
    }
    this.#nextExpiry = earliest(packs.all);
    this.#nextFallback = earliestFallback(packs.all);
    this.#highest = packs.last?.lastSeq ?? 0;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** No held message expires before this instant. */
  get nextExpiry(): number {
    return this.#nextExpiry;
  }

  /** No held message goes to the webhook before this instant; null where none does. */
  get nextFallback(): number | null {
    return this.#nextFallback;
  }

  /** No held message lies above; it may itself have ended. */
  get highest(): number {
    return this.#highest;
  }

  /** Nothing that is held, and stored, lies below. */
  get lowest(): number {
    return this.#packs.all[0]?.pack ?? Number.POSITIVE_INFINITY;
  }

  /** False where nothing in `[from, through]` is held; known without a look into a row. */
  mayHold(from: number, through: number): boolean {
    return this.#table.within(from - 1, through).length > 0;
  }

  /** When the last one was accepted: the clock has been there. */
  get lastAcceptedAt(): number {
    return this.#table.last?.acceptedAt ?? 0;
  }

  get anyRejected(): boolean {
    return this.#rejected > 0;
  }

  /** Takes a message in. It is written with the others of its group, before anybody reads. */
  insert(m: Held): void {
    this.#count += 1;
    this.#bytes += m.head.bytes;
    this.#nextExpiry = Math.min(this.#nextExpiry, m.head.expiresAt);
    this.#nextFallback = earlier(this.#nextFallback, m.head.fallbackAt);
    this.#highest = m.head.seq;
    this.#topics.add(m.head);
    this.#unwritten.push(m);
    this.#unwrittenChars += m.entry.length;
    if (this.#unwrittenChars > UNWRITTEN_MAX_CHARS) this.write();
  }

  /** Writes what was taken in. */
  write(): void {
    if (this.#unwritten.length === 0) return;
    const group = this.#unwritten;
    this.#unwritten = [];
    this.#unwrittenChars = 0;
    this.#packs.append(group);
  }

  /** The table as it is with all that was taken in. */
  get #table(): Packs {
    this.write();
    return this.#packs;
  }

  remove(heads: readonly Head[]): void {
    if (heads.length === 0) return;
    this.#table.remove(heads);
    this.#count -= heads.length;
    for (const head of heads) {
      this.#bytes -= head.bytes;
      this.#topics.remove(head);
      if (head.rejectReason !== null) this.#rejected -= 1;
    }
    if (this.#count > 0) return;
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    this.#nextFallback = null;
  }

  head(seq: number): Head | undefined {
    return this.#placed(seq)?.placed.head;
  }

  get(seq: number): Held | undefined {
    const found = this.#placed(seq);
    return found === undefined ? undefined : this.#packs.wholes(found.pack, [found.placed])[0];
  }

  /** Heads in `(after, through]`, in order. */
  heads(after: number, through: number): readonly Head[] {
    return this.#select(after, through, () => true);
  }

  /** Messages above `after` that are not over at `now`, in order; their packs are read one after another, as they are asked for. */
  *alive(after: number, now: number): Generator<Head> {
    for (const pack of this.#table.within(after, Number.MAX_SAFE_INTEGER)) {
      for (const { head } of this.#packs.heads(pack)) if (head.seq > after && head.expiresAt > now) yield head;
    }
  }

  /** The whole of them, in order; their packs are read one after another, as they are asked for. */
  *wholes(heads: readonly Head[]): Generator<Held> {
    const [lowest, highest] = [heads[0], heads.at(-1)];
    if (lowest === undefined || highest === undefined) return;
    const wanted = new Set(heads.map((head) => head.seq));
    for (const pack of this.#table.within(lowest.seq - 1, highest.seq)) {
      const placed = this.#packs.heads(pack).filter(({ head }) => wanted.has(head.seq));
      if (placed.length > 0) yield* this.#packs.wholes(pack, placed);
    }
  }

  /** Heads that are over at `now`, in order, at most `limit`. */
  expired(now: number, limit: number): readonly Head[] {
    if (this.#nextExpiry > now) return [];
    const expired: Head[] = [];
    for (const pack of this.#table.all) {
      if (pack.expiresAt > now) continue;
      for (const { head } of this.#packs.heads(pack)) {
        if (head.expiresAt <= now && expired.push(head) === limit) return expired;
      }
    }
    if (expired.length === 0) this.#nextExpiry = earliest(this.#packs.all);
    return expired;
  }

  /** Heads that go to the webhook at `now`, in order, at most `limit`; what is over ends instead. */
  escalating(now: number, limit: number): readonly Head[] {
    if ((this.#nextFallback ?? Number.POSITIVE_INFINITY) > now) return [];
    const due: Head[] = [];
    for (const pack of this.#table.all) {
      if ((pack.fallbackAt ?? Number.POSITIVE_INFINITY) > now) continue;
      for (const { head } of this.#packs.heads(pack)) {
        const isDue = (head.fallbackAt ?? Number.POSITIVE_INFINITY) <= now && head.expiresAt > now;
        if (isDue && due.push(head) === limit) return due;
      }
    }
    if (due.length === 0) this.#nextFallback = earliestFallback(this.#packs.all);
    return due;
  }

  markEscalated(heads: readonly Head[], at: number): void {
    const [lowest, highest] = [heads[0], heads.at(-1)];
    if (lowest === undefined || highest === undefined) return;
    const seqs = new Set(heads.map((head) => head.seq));
    this.#table.change(lowest.seq - 1, highest.seq, (head) => {
      return seqs.has(head.seq) ? { ...head, fallbackAt: null, escalatedAt: at } : head;
    });
  }

  /** The first one above `seq`; undefined where there is none. */
  firstAbove(seq: number): number | undefined {
    for (const pack of this.#table.within(seq, Number.MAX_SAFE_INTEGER)) {
      if (pack.pack > seq) return this.#packs.heads(pack)[0]?.head.seq;
      const next = this.#packs.heads(pack).find(({ head }) => head.seq > seq);
      if (next !== undefined) return next.head.seq;
    }
    return undefined;
  }

  /** The held ones of a topic that lie above `after` or were rejected: one, and those that were requeued or append (S6, D7). */
  ofTopic(topic: string, after: number, now: number): readonly Head[] {
    const mayCount = this.#rejected > 0 ? 0 : after;
    return this.#topics.of(topic).flatMap((seq) => {
      const head = seq > mayCount ? this.head(seq) : undefined;
      return head !== undefined && (seq > after || head.rejectReason !== null) && head.expiresAt > now ? head : [];
    });
  }

  /** How much lies above `after` or was rejected, and is not over: what is never dropped for room. */
  unacked(after: number, now: number): Omit<Summary, "oldestAt"> {
    return this.#sum((head) => head.expiresAt > now && (head.seq > after || head.rejectReason !== null), after, now);
  }

  /** What is held at `now`, above `after`. */
  summary(after: number, now: number): Summary {
    const { count, bytes } = this.#sum((head) => head.expiresAt > now && head.seq > after, after, now);
    const oldest = this.alive(after, now).next();
    return { count, bytes, oldestAt: oldest.done === true ? null : oldest.value.acceptedAt };
  }

  /** The oldest that lies at or below `through` and was not rejected. */
  oldestDelivered(through: number): Head | undefined {
    for (const pack of this.#table.within(0, through)) {
      const found = this.#packs.heads(pack).find(({ head }) => head.seq <= through && head.rejectReason === null);
      if (found !== undefined) return found.head;
    }
    return undefined;
  }

  /** Gives back those that were not delivered before. */
  markDelivered(after: number, through: number, at: number): readonly Head[] {
    const marked: Head[] = [];
    this.#table.change(after, through, (head) => {
      if (head.deliveredAt !== null || head.rejectReason !== null) return head;
      marked.push(head);
      return delivered(head, at);
    });
    return marked;
  }

  markRejected(seq: number, reason: string): void {
    this.#table.change(seq - 1, seq, (head) => {
      if (head.rejectReason === null) this.#rejected += 1;
      return { ...head, rejectReason: reason };
    });
  }

  /** Another connection has acked what one had rejected: it is delivered after all. Gives back those. */
  clearRejected(after: number, through: number, at: number): readonly Head[] {
    const cleared: Head[] = [];
    this.#table.change(after, through, (head) => {
      if (head.rejectReason === null || head.expiresAt <= at) return head;
      this.#rejected -= 1;
      cleared.push(head);
      return delivered({ ...head, rejectReason: null }, at);
    });
    return cleared;
  }

  /** Heads in `(after, before)` that are over at `now`, and were not yet at `since`; in order. */
  over(after: number, before: number, since: number, now: number): readonly Head[] {
    if (this.#nextExpiry > now) return [];
    return this.#select(after, before - 1, (head) => head.expiresAt > since && head.expiresAt <= now);
  }

  /** Those that have an id of their sender's, of all that are held: to know them by it (S4). */
  *withIds(): Generator<Head> {
    for (const pack of this.#table.all) {
      if (pack.ids === 0) continue;
      for (const { head } of this.#packs.heads(pack)) if (head.id !== null) yield head;
    }
  }

  *#withTopics(): Generator<Head> {
    for (const pack of this.#table.all) {
      if (pack.topics === 0) continue;
      for (const { head } of this.#packs.heads(pack)) if (head.topic !== null) yield head;
    }
  }

  #placed(seq: number): { readonly pack: Pack; readonly placed: Placed } | undefined {
    const [pack] = this.#table.within(seq - 1, seq);
    const placed = pack === undefined ? undefined : this.#packs.heads(pack).find(({ head }) => head.seq === seq);
    return pack === undefined || placed === undefined ? undefined : { pack, placed };
  }

  #select(after: number, through: number, wanted: (head: Head) => boolean): readonly Head[] {
    return this.#among(this.#table.within(after, through), (head) => {
      return head.seq > after && head.seq <= through && wanted(head);
    });
  }

  #among(packs: readonly Pack[], wanted: (head: Head) => boolean): readonly Head[] {
    const heads: Head[] = [];
    for (const pack of packs) for (const { head } of this.#packs.heads(pack)) if (wanted(head)) heads.push(head);
    return heads;
  }

  /** Adds up; a pack that lies above `after`, has nothing that is over, and nothing rejected, is known without a look into it. */
  #sum(wanted: (head: Head) => boolean, after: number, now: number): { count: number; bytes: number } {
    let [count, bytes] = [0, 0];
    for (const pack of this.#table.all) {
      if (pack.lastSeq <= after && pack.rejected === 0) continue;
      if (pack.pack > after && pack.expiresAt > now) {
        count += pack.count;
        bytes += pack.bytes;
        continue;
      }
      for (const { head } of this.#packs.heads(pack)) {
        if (!wanted(head)) continue;
        count += 1;
        bytes += head.bytes;
      }
    }
    return { count, bytes };
  }
}

/** Somebody has acked it: that also calls its fallback off. */
const delivered = (head: Head, at: number): Head => ({ ...head, deliveredAt: at, fallbackAt: null });

const earliestFallback = (packs: readonly Pack[]): number | null =>
  packs.reduce<number | null>((least, { fallbackAt }) => earlier(least, fallbackAt), null);

const earliest = (packs: readonly Pack[]): number =>
  packs.reduce((least, { expiresAt }) => Math.min(least, expiresAt), Number.POSITIVE_INFINITY);
