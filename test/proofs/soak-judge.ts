/** Judges one user after the soak: each accepted message was processed by every device that had to get it, in order, or lies in a gap that it was told of. */
import { orderViolations } from "./sends.ts";
import type { Book } from "./soak-book.ts";
import type { Device } from "./soak-devices.ts";

export const judge = (book: Book, devices: readonly Device[]): readonly string[] => {
  const found = [...orderViolations(book.accepted)];
  for (const device of devices) {
    const who = `${device.name} (${device.what})`;
    found.push(...device.violations.map((violation) => `${who}: ${violation}`));
    found.push(...strangers(book, device).map((violation) => `${who}: ${violation}`));
  }
  for (const name of new Set(devices.map((device) => device.name))) {
    const tabs = devices.filter((device) => device.name === name);
    found.push(...missing(book, tabs).map((violation) => `${name}: ${violation}`));
  }
  found.push(...disagreements(book, devices));
  return found.map((violation) => `${book.user}: ${violation}`);
};

/** Nobody is shown what was not sent to this user, or was refused. */
const strangers = (book: Book, device: Device): readonly string[] =>
  device.processed.flatMap(({ token, seq }) => {
    if (!book.posted.has(token)) return [`[A6] it was shown ${token} at ${seq}, which nobody sent to this user`];
    return book.refused.has(token) ? [`[S1] it was shown ${token} at ${seq}, which was refused`] : [];
  });

/** D1, C4, D5: of all tabs of one device together. */
const missing = (book: Book, tabs: readonly Device[]): readonly string[] => {
  const shown = new Set(tabs.flatMap(({ processed }) => processed.map(({ token }) => token)));
  const gaps = tabs.flatMap(({ gaps }) => gaps);
  const from = Math.min(...tabs.map((tab) => tab.from));
  return book.accepted
    .filter(({ token, seq }) => seq > from && !shown.has(token))
    .filter(({ seq }) => !gaps.some((gap) => gap.prev < seq && seq <= gap.seq))
    .map((m) => {
      const { way, id } = book.posted.get(m.token) ?? {};
      const sending = `${way}, ${id === undefined ? "no id" : id}, began ${Math.round(m.beganAt)}, answered ${Math.round(m.answeredAt)}`;
      return `[D1] ${m.token} at ${m.seq} was neither shown nor told of: ${sending} after ${m.attempts} attempts with ${m.status}`;
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
