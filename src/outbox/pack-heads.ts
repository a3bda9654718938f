/** What is known of the messages of one pack without their contents: the text of its column `heads`, and what follows from it. */

/** A held message without its content. */
export interface Head {
  readonly seq: number;
  /** The sender's id; null where the server made it. */
  readonly id: string | null;
  /** Tells a twin from other content (S4); null where there is no id. */
  readonly digest: string | null;
  readonly bytes: number;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly deliveredAt: number | null;
  readonly rejectReason: string | null;
  readonly requeuedFrom: number | null;
  readonly topic: string | null;
  /** When it goes to the webhook, if nobody has acked it by then; null where it does not, or not any more. */
  readonly fallbackAt: number | null;
  /** When it went. */
  readonly escalatedAt: number | null;
  /** Of a stream's delta, its type: it is joined with its neighbours of the same topic and type on its way out (C3). */
  readonly appendType: string | null;
  /** Accepted while no device was connected: delivered after all, it was rescued (M1). */
  readonly away: boolean;
}

/** A message with its content, as the entry of a frame: it is made once, and spliced into frames as it is (C3). */
export interface Held {
  readonly head: Head;
  readonly entry: string;
}

/** A head, and where its entry stands in the entries of its pack. */
export interface Placed {
  readonly head: Head;
  readonly from: number;
  readonly to: number;
}

/** What is known of a pack without reading its row; each field is a column. */
export interface Pack {
  /** Its key: no message in it has a lower seq. */
  readonly pack: number;
  readonly lastSeq: number;
  readonly count: number;
  readonly bytes: number;
  /** Characters of its entries, which bound the cost of one more. */
  readonly chars: number;
  /** The first instant at which one of its messages is over. */
  readonly expiresAt: number;
  /** When the last of them was accepted. */
  readonly acceptedAt: number;
  readonly rejected: number;
  /** How many have an id of their sender's. */
  readonly ids: number;
  /** How many have a topic. */
  readonly topics: number;
  /** The first instant at which one of them goes to the webhook; null where none does. */
  readonly fallbackAt: number | null;
}

/** As stored: what most messages do not have comes in an object at the end. */
type StoredHead = [seq: number, chars: number, bytes: number, acceptedAt: number, ttlMs: number, more?: StoredMore];

interface StoredMore {
  readonly id?: string;
  readonly digest?: string;
  readonly delivered?: number;
  readonly rejected?: string;
  readonly requeued?: number;
  readonly topic?: string;
  readonly append?: string;
  readonly fallback?: number;
  readonly escalated?: number;
  readonly away?: 1;
}

/** Where entries stand that are joined by commas, the first of them at `from`. */
export const place = (messages: readonly Held[], from: number): Placed[] => {
  let at = from;
  return messages.map(({ head, entry }) => {
    const to = at + entry.length;
    const placed = { head, from: at, to };
    at = to + 1;
    return placed;
  });
};

/** Reads the column; seqs stand in it as their distance from the pack's key. */
export const readHeads = (pack: number, stored: string): Placed[] => {
  let at = 0;
  return (JSON.parse(`[${stored}]`) as StoredHead[]).map(([seq, chars, bytes, acceptedAt, ttlMs, more]) => {
    const from = at;
    at += chars + 1;
    return {
      from,
      to: from + chars,
      head: {
        seq: pack + seq,
        id: more?.id ?? null,
        digest: more?.digest ?? null,
        bytes,
        acceptedAt,
        expiresAt: acceptedAt + ttlMs,
        deliveredAt: more?.delivered ?? null,
        rejectReason: more?.rejected ?? null,
        requeuedFrom: more?.requeued ?? null,
        topic: more?.topic ?? null,
        fallbackAt: more?.fallback === undefined ? null : acceptedAt + more.fallback,
        escalatedAt: more?.escalated ?? null,
        appendType: more?.append ?? null,
        away: more?.away === 1,
      },
    };
  });
};

export const writeHeads = (pack: number, heads: readonly Placed[]): string =>
  heads.map(({ head, from, to }) => writeHead(pack, head, to - from)).join(",");

const writeHead = (pack: number, head: Head, chars: number): string => {
  const { seq, bytes, acceptedAt, expiresAt, id, digest, deliveredAt, rejectReason, requeuedFrom, topic } = head;
  const { fallbackAt, escalatedAt } = head;
  const numbers = `[${seq - pack},${chars},${bytes},${acceptedAt},${expiresAt - acceptedAt}`;
  const optional = [id, deliveredAt, rejectReason, requeuedFrom, topic, fallbackAt, escalatedAt];
  if (optional.every((value) => value === null)) return head.away ? `${numbers},{"away":1}]` : `${numbers}]`;
  const more: StoredMore = {
    ...(id === null ? {} : { id }),
    ...(digest === null ? {} : { digest }),
    ...(deliveredAt === null ? {} : { delivered: deliveredAt }),
    ...(rejectReason === null ? {} : { rejected: rejectReason }),
    ...(requeuedFrom === null ? {} : { requeued: requeuedFrom }),
    ...(topic === null ? {} : { topic }),
    ...(head.appendType === null ? {} : { append: head.appendType }),
    ...(fallbackAt === null ? {} : { fallback: fallbackAt - acceptedAt }),
    ...(escalatedAt === null ? {} : { escalated: escalatedAt }),
    ...(head.away ? { away: 1 } : {}),
  };
  return `${numbers},${JSON.stringify(more)}]`;
};

/** What a pack's row says of these heads, all that it has. */
export const packOf = (pack: number, heads: readonly Placed[]): Pack => {
  let [bytes, expiresAt, rejected, ids, topics] = [0, Number.MAX_SAFE_INTEGER, 0, 0, 0];
  let fallbackAt: number | null = null;
  for (const { head } of heads) {
    bytes += head.bytes;
    if (head.expiresAt < expiresAt) expiresAt = head.expiresAt;
    if (head.rejectReason !== null) rejected += 1;
    if (head.id !== null) ids += 1;
    if (head.topic !== null) topics += 1;
    fallbackAt = earlier(fallbackAt, head.fallbackAt);
  }
  const last = heads.at(-1) as Placed;
  const { seq: lastSeq, acceptedAt } = last.head;
  const sums = { bytes, chars: last.to, expiresAt, acceptedAt, rejected, ids, topics, fallbackAt };
  return { pack, lastSeq, count: heads.length, ...sums };
};

/** Of two instants that may be none. */
export const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
