/** What one connection was sent, as runs of neighbours, and what its client has said of them: what trails are told from (N3). */

/** Neighbours in the order of a user that share a fate on one connection. Of what is held, it was sent all that lies between. */
export interface Stretch {
  readonly from: number;
  readonly through: number;
  /** When the first was sent; undefined where the device had them already, and said so as it attached (`after`). */
  readonly sentAt: number | undefined;
  /** What the client said, and when it said that of the last; undefined where it has not. */
  readonly answer?: { readonly as: "acked" | "rejected"; readonly at: number };
}

export interface ConnectionTrail {
  readonly connection: string;
  readonly device: string;
  /** In order. */
  readonly stretches: readonly Stretch[];
  /** Absent where it is open. */
  readonly ended?: ConnectionEnd;
}

/** One that is open. */
export interface OpenTrail extends ConnectionTrail {
  /** The last seq that it was sent. */
  readonly sent: number;
}

/** `code`: of its close frame, whoever sent it; 1006 where there was none. */
export interface ConnectionEnd {
  readonly at: number;
  readonly code: number;
}

/** The one that a message is of. What was over as a stretch was sent was not sent with it: a gap stood in its place. */
export const stretchOf = (
  { stretches }: ConnectionTrail,
  { seq, expiresAt }: { readonly seq: number; readonly expiresAt: number },
): Stretch | undefined =>
  stretches.find((s) => s.from <= seq && seq <= s.through && (s.sentAt === undefined || s.sentAt < expiresAt));

/** As stored, joined by commas: five numbers each, as distances from `seq`, or from where the one before ends, and from the instant `at`. */
export const packed = (stretches: readonly Stretch[], seq: number, at: number): string => {
  let text = "";
  let before = seq;
  for (const { from, through, sentAt, answer } of stretches) {
    const kind = sentAt === undefined ? HAD : ANSWERS.indexOf(answer?.as);
    text += `${text === "" ? "" : ","}${from - before},${through - from},${(sentAt ?? at) - at},${kind},${(answer?.at ?? at) - at}`;
    before = through;
  }
  return text;
};

export const unpacked = (text: string, seq: number, at: number): readonly Stretch[] => {
  const numbers = JSON.parse(`[${text}]`) as readonly number[];
  let before = seq;
  return Array.from({ length: Math.floor(numbers.length / 5) }, (_, n): Stretch => {
    const [distance = 0, length = 0, sentMs = 0, kind = 0, answeredMs = 0] = numbers.slice(5 * n, 5 * n + 5);
    const from = before + distance;
    before = from + length;
    const as = ANSWERS[kind];
    return {
      from,
      through: before,
      sentAt: kind === HAD ? undefined : at + sentMs,
      ...(as === undefined ? {} : { answer: { as, at: at + answeredMs } }),
    };
  });
};

/** By the number that stands for it; the last one was never sent. */
const ANSWERS = [undefined, "acked", "rejected", "acked"] as const;
const HAD = 3;
