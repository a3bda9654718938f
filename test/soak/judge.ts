/**
 * Judges one user after the soak. Every accepted message was processed by every device that had to get it, in order; or it had
 * ended by then, and lies in a gap that the device was told of; or another tab of the device has it, and the confirmation said so.
 */
import { type Accepted, orderViolations } from "../proofs/sends.ts";
import type { Book } from "./book.ts";
import type { Device } from "./devices.ts";

export const judge = (book: Book, devices: readonly Device[]): readonly string[] => {
  const found = [...orderViolations(book.accepted)];
  for (const device of devices) {
    const tabs = devices.filter((other) => other !== device && other.name === device.name);
    const faults = [
      ...device.violations,
      ...strangers(book, device),
      ...missing(book, device, tabs),
      ...shuffled(book, device),
    ];
    found.push(...faults.map((fault) => `${device.name} (${device.what}): ${fault}`));
  }
  found.push(...disagreements(book, devices), ...untrueReplies(book, devices));
  return found.map((violation) => `${book.user}: ${violation}`);
};

/** Nobody is shown what was not sent to this user, or was refused. */
const strangers = (book: Book, device: Device): readonly string[] =>
  device.processed.flatMap(({ token, seq }) => {
    if (!book.posted.has(token)) return [`[A6] it was shown ${token} at ${seq}, which nobody sent to this user`];
    return book.refused.has(token) ? [`[S1] it was shown ${token} at ${seq}, which was refused`] : [];
  });

/** D1, C4, D5. */
const missing = (book: Book, device: Device, tabs: readonly Device[]): readonly string[] => {
  const shown = tokensOf(device);
  const shownElsewhere = new Set(tabs.flatMap((tab) => [...tokensOf(tab)]));
  const isElsewhere = (m: Accepted) => shownElsewhere.has(m.token) || tabs.some((tab) => isExcused(m, tab));
  const isPassed = ({ seq }: Accepted) => device.passed.some((range) => range.prev < seq && seq <= range.seq);
  // Delivered directly to the other tab, it was never stored (S3): after a crash no cursor can tell of it.
  const isDirect = (m: Accepted) => book.posted.get(m.token)?.way === "wait" && m.status === "delivered";
  const lost = book.accepted.filter(
    (m) =>
      m.seq > device.from &&
      !shown.has(m.token) &&
      !isExcused(m, device) &&
      !(isElsewhere(m) && (isPassed(m) || isDirect(m))),
  );
  // Of these nobody knows the seq.
  const unread = [...book.stored].filter(
    (token) => !shown.has(token) && !(device.passed.length > 0 && shownElsewhere.has(token)),
  );
  return [
    ...lost.map((m) => {
      const { way, id } = book.posted.get(m.token) ?? {};
      const sending = `${way}, ${id ?? "no id"}, began ${Math.round(m.beganAt)}, answered ${Math.round(m.answeredAt)}`;
      return `[D1] ${m.token} at ${m.seq} was neither shown nor told of: ${sending} after ${m.attempts} attempts with ${m.status}`;
    }),
    ...unread.map((token) => `[D1] ${token} of a stream that has ended well was not shown`),
  ];
};

const tokensOf = (device: Device): ReadonlySet<string> => new Set(device.processed.map(({ token }) => token));

/** It was told of the message's end, and the message can have ended so: a gap over what still lives hides a loss. */
const isExcused = (message: Accepted, device: Device): boolean =>
  device.gaps.some(({ prev, seq, reasons, at }) => {
    if (message.seq <= prev || message.seq > seq) return false;
    const { expired = 0, ...others } = reasons;
    const mayBeOther = Object.values(others).some((count) => count > 0);
    return mayBeOther || (expired > 0 && message.expiresAt <= at);
  });

/** The deltas of a stream come in the order of their writing (P4, D2). What comes again may come joined to what is new: its first time counts. */
const shuffled = (book: Book, device: Device): readonly string[] => {
  const places = new Map([...book.posted.keys()].map((token, at) => [token, at]));
  const reached = new Map<string, number>();
  const seen = new Set<string>();
  return device.processed.flatMap(({ token, seq }) => {
    const topic = book.posted.get(token)?.topic;
    if (topic === undefined || seen.has(token)) return [];
    seen.add(token);
    const at = places.get(token) ?? 0;
    const before = reached.get(topic) ?? -1;
    reached.set(topic, Math.max(at, before));
    return at < before ? [`[P4] ${token} of ${topic} came, at ${seq}, after what was written later`] : [];
  });
};

/** D2, S4: a message has one seq, for its sender and for every device. */
const disagreements = (book: Book, devices: readonly Device[]): readonly string[] => {
  const seqs = new Map(book.accepted.map(({ token, seq }) => [token, seq]));
  const found: string[] = [];
  for (const { processed, name } of devices) {
    for (const { token, seq, isJoined } of processed) {
      // What its sender waited for may have come before it was stored, and again under another seq after a crash.
      if (isJoined || book.posted.get(token)?.way === "wait") continue;
      const known = seqs.get(token) ?? seq;
      seqs.set(token, known);
      if (known !== seq) found.push(`[S4] ${token} is at ${known}, and for ${name} at ${seq}`);
    }
  }
  return found;
};

/** S1: who was told `delivered` was told so after a device had it. */
const untrueReplies = (book: Book, devices: readonly Device[]): readonly string[] => {
  const firstAt = new Map<string, number>();
  for (const { processed } of devices)
    for (const { token, at } of processed)
      firstAt.set(token, Math.min(at, firstAt.get(token) ?? Number.POSITIVE_INFINITY));
  return book.accepted
    .filter(
      ({ token, status, answeredAt }) => status === "delivered" && !((firstAt.get(token) ?? Infinity) <= answeredAt),
    )
    .map(({ token, seq }) => `[S1] ${token} at ${seq} was said to be delivered before any device had it`);
};
