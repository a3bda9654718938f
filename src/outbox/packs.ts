/**
 * The table of packs. A pack is a row that holds several messages, neighbours in order. Rows written are what is paid for: so a
 * message alone is appended to the last pack, a group shares one, and what is released goes a pack at a time.
 */
import {
  earlier,
  type Head,
  type Held,
  type Pack,
  type Placed,
  packOf,
  place,
  readHeads,
  writeHeads,
} from "./pack-heads.ts";
import { first, type Sql } from "./sql.ts";

/** Entries of a pack, in characters: about one frame to a client (C3). A value of the platform's SQLite has 2 MB at most. */
const PACK_MAX_CHARS = 64 * 1_024;
const PACK_MAX_MESSAGES = 256;
/**
 * An append writes the whole row again. Up to this size that costs no more than a row of its own would; and a pack of larger
 * messages is appended to until it has some, as its release is a row, too.
 */
const APPEND_MAX_CHARS = 8 * 1_024;
const APPEND_MIN_MESSAGES = 16;
/** Packs whose heads are kept in memory: those that were read or written last. */
const PACKS_IN_MEMORY = 64;

type Summary = readonly [
  ...ten: readonly [number, number, number, number, number, number, number, number, number, number],
  fallbackAt: number | null,
];

export class Packs {
  /** An expression of SQL that yields what the constructor takes: a JSON array. */
  static readonly STORED =
    `(SELECT json_group_array(json_array(pack, last_seq, count, bytes, chars, expires_at, accepted_at,
    rejected, ids, topics, fallback_at)) FROM (SELECT * FROM packs ORDER BY pack))`;

  readonly #sql: Sql;
  /** All of them, in order. */
  #packs: Pack[];
  readonly #heads = new Map<number, Placed[]>();

  constructor(sql: Sql, stored: readonly Summary[]) {
    this.#sql = sql;
    this.#packs = stored.map(
      ([pack, lastSeq, count, bytes, chars, expiresAt, acceptedAt, rejected, ids, topics, fallbackAt]): Pack => {
        return { pack, lastSeq, count, bytes, chars, expiresAt, acceptedAt, rejected, ids, topics, fallbackAt };
      },
    );
  }

  get all(): readonly Pack[] {
    return this.#packs;
  }

  get last(): Pack | undefined {
    return this.#packs.at(-1);
  }

  /** Those that may hold a seq in `(after, through]`, in order. */
  within(after: number, through: number): readonly Pack[] {
    const from = this.#indexAbove(after);
    let to = from;
    while (to < this.#packs.length && (this.#packs[to] as Pack).pack <= through) to += 1;
    return this.#packs.slice(from, to);
  }

  /** The heads of a pack, in order. */
  heads(pack: Pack): readonly Placed[] {
    const known = this.#heads.get(pack.pack);
    if (known !== undefined) return known;
    const row = first(this.#sql.exec<{ heads: string }>(`SELECT heads FROM packs WHERE pack = ?`, pack.pack));
    return this.#remember(pack.pack, readHeads(pack.pack, row?.heads ?? ""));
  }

  /** The contents of some of a pack's messages. */
  wholes(pack: Pack, wanted: readonly Placed[]): readonly Held[] {
    const entries = this.#entries(pack);
    return wanted.map(({ head, from, to }) => ({ head, entry: entries.slice(from, to) }));
  }

  /** Writes messages that lie above all that there are: to the last pack while that is small, else in new ones. */
  append(messages: readonly Held[]): void {
    let next = 0;
    const last = this.last;
    if (last !== undefined) {
      next = fitting(messages, 0, last, APPEND_MAX_CHARS);
      if (next > 0) this.#extend(last, messages.slice(0, next));
    }
    while (next < messages.length) {
      // A message that is larger than a pack has one for itself.
      const end = Math.max(fitting(messages, next, { count: 0, chars: 0 }, PACK_MAX_CHARS), next + 1);
      const group = messages.slice(next, end);
      this.#store((group[0] as Held).head.seq, group);
      next = end;
    }
  }

  /** Takes messages out; a pack that is left with none goes. */
  remove(heads: readonly Head[]): void {
    const seqs = new Set(heads.map((head) => head.seq));
    const emptied = new Set<number>();
    for (const pack of this.within(Math.min(...seqs) - 1, Math.max(...seqs))) {
      const all = this.heads(pack);
      const left = all.filter(({ head }) => !seqs.has(head.seq));
      if (left.length === 0) emptied.add(pack.pack);
      else if (left.length < all.length) this.#store(pack.pack, this.wholes(pack, left));
    }
    if (emptied.size === 0) return;
    this.#sql.exec(`DELETE FROM packs WHERE pack IN (SELECT value FROM json_each(?))`, JSON.stringify([...emptied]));
    this.#packs = this.#packs.filter(({ pack }) => !emptied.has(pack));
    for (const pack of emptied) this.#heads.delete(pack);
  }

  /** Changes heads in `(after, through]`; `change` gives the same object back where it has nothing to change. */
  change(after: number, through: number, change: (head: Head) => Head): void {
    for (const pack of this.within(after, through)) {
      const before = this.heads(pack);
      const heads = before.map((placed) => {
        const { head } = placed;
        const changed = head.seq > after && head.seq <= through ? change(head) : head;
        return changed === head ? placed : { ...placed, head: changed };
      });
      if (heads.every((placed, at) => placed === before[at])) continue;
      const { rejected, fallbackAt } = this.#know(packOf(pack.pack, heads), heads);
      const columns = [rejected, fallbackAt, writeHeads(pack.pack, heads)];
      this.#sql.exec(`UPDATE packs SET rejected = ?, fallback_at = ?, heads = ? WHERE pack = ?`, ...columns, pack.pack);
    }
  }

  /** Writes a whole pack, new or anew. */
  #store(key: number, messages: readonly Held[]): void {
    const heads = place(messages, 0);
    const p = this.#know(packOf(key, heads), heads);
    this.#sql.exec(
      `INSERT INTO packs (pack, last_seq, count, bytes, chars, expires_at, accepted_at, rejected, ids, topics, fallback_at, heads,
         entries)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (pack) DO UPDATE SET last_seq = excluded.last_seq, count = excluded.count, bytes = excluded.bytes,
         chars = excluded.chars, expires_at = excluded.expires_at, accepted_at = excluded.accepted_at,
         rejected = excluded.rejected, ids = excluded.ids, topics = excluded.topics, fallback_at = excluded.fallback_at,
         heads = excluded.heads, entries = excluded.entries`,
      ...[p.pack, p.lastSeq, p.count, p.bytes, p.chars, p.expiresAt, p.acceptedAt, p.rejected, p.ids, p.topics],
      p.fallbackAt,
      writeHeads(key, heads),
      messages.map(({ entry }) => entry).join(","),
    );
  }

  /** Writes messages to the end of a pack, without reading its row. */
  #extend(pack: Pack, messages: readonly Held[]): void {
    const heads = place(messages, pack.chars + 1);
    const more = packOf(pack.pack, heads);
    const p: Pack = {
      ...more,
      count: pack.count + more.count,
      bytes: pack.bytes + more.bytes,
      expiresAt: Math.min(pack.expiresAt, more.expiresAt),
      rejected: pack.rejected + more.rejected,
      ids: pack.ids + more.ids,
      topics: pack.topics + more.topics,
      fallbackAt: earlier(pack.fallbackAt, more.fallbackAt),
    };
    this.#sql.exec(
      `UPDATE packs SET last_seq = ?, count = ?, bytes = ?, chars = ?, expires_at = ?, accepted_at = ?, ids = ?, topics = ?,
         fallback_at = ?, heads = heads || ',' || ?, entries = entries || ',' || ?
       WHERE pack = ?`,
      ...[p.lastSeq, p.count, p.bytes, p.chars, p.expiresAt, p.acceptedAt, p.ids, p.topics, p.fallbackAt],
      writeHeads(pack.pack, heads),
      messages.map(({ entry }) => entry).join(","),
      pack.pack,
    );
    this.#packs[this.#packs.length - 1] = p;
    this.#heads.get(pack.pack)?.push(...heads);
  }

  #entries(pack: Pack): string {
    const row = first(this.#sql.exec<{ entries: string }>(`SELECT entries FROM packs WHERE pack = ?`, pack.pack));
    return row?.entries ?? "";
  }

  /** Keeps what a pack is from now on. */
  #know(pack: Pack, heads: Placed[]): Pack {
    this.#remember(pack.pack, heads);
    const at = this.#packs.findLastIndex((known) => known.pack <= pack.pack);
    if (this.#packs[at]?.pack === pack.pack) this.#packs[at] = pack;
    else this.#packs.splice(at + 1, 0, pack);
    return pack;
  }

  #remember(pack: number, heads: Placed[]): readonly Placed[] {
    this.#heads.delete(pack);
    this.#heads.set(pack, heads);
    if (this.#heads.size > PACKS_IN_MEMORY) this.#heads.delete(this.#heads.keys().next().value as number);
    return heads;
  }

  /** Index of the first pack that reaches above a seq. */
  #indexAbove(seq: number): number {
    let low = 0;
    let high = this.#packs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#packs[middle] as Pack).lastSeq > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Up to which index messages fit into a pack that has so much already, and is to have about `maxChars`. */
const fitting = (
  messages: readonly Held[],
  from: number,
  into: { readonly count: number; readonly chars: number },
  maxChars: number,
): number => {
  let { count, chars } = into;
  let next = from;
  for (; next < messages.length; next += 1) {
    count += 1;
    chars += (messages[next] as Held).entry.length + 1;
    const fits = chars <= maxChars || (count <= APPEND_MIN_MESSAGES && chars <= PACK_MAX_CHARS);
    if (!fits || count > PACK_MAX_MESSAGES) break;
  }
  return next;
};
