/**
 * Whether a person should look at this user (N4), and whether the index knows. It is compared after each turn, in its
 * transaction, and written only where it has changed: no row for a message.
 */
import { BITS_END, bitOf } from "../protocol/attention.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Tables } from "./tables.ts";

/** What the index is still to be told. */
export interface PendingAttention {
  /** Names this state of things: `told` gives it back. */
  readonly stamp: number;
  readonly version: number;
  readonly reasons: number;
}

export class AttentionBook {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** `stuck`: a message is held and not acked for too long while somebody is connected. */
  note(stuck: boolean, now: number): void {
    const { deadLetters, devices, webhooks, facts } = this.#tables;
    const reasons =
      deadLetters.reasons |
      (stuck ? bitOf("held") : 0) |
      (devices.timeouts >= LIMITS.timeoutsInARow ? bitOf("timeouts") : 0) |
      (webhooks.failed > 0 ? bitOf("webhooks") : 0);
    const stamp = facts.get("attention") ?? 0;
    if (reasons !== reasonsIn(stamp)) facts.set("attention", stampAfter(stamp, reasons, now));
  }

  /** Whether the reason `held` is shown now: only then has each turn to look whether it is over. */
  get isShownStuck(): boolean {
    return (reasonsIn(this.#tables.facts.get("attention") ?? 0) & bitOf("held")) !== 0;
  }

  get pending(): PendingAttention | undefined {
    const stamp = this.#tables.facts.get("attention");
    if (stamp === undefined || stamp === this.#tables.facts.get("attention_told")) return undefined;
    return { stamp, version: versionIn(stamp), reasons: reasonsIn(stamp) };
  }

  /** The index knows it. Who has left it has nothing to remember. */
  told(stamp: number): void {
    const { facts } = this.#tables;
    if (facts.get("attention") !== stamp || reasonsIn(stamp) !== 0) return facts.set("attention_told", stamp);
    facts.forget("attention");
    facts.forget("attention_told");
  }

  /** What is left of it at an erasure: that the index is to forget the user; undefined where it does not know them. */
  afterErasure(now: number): number | undefined {
    const stamp = this.#tables.facts.get("attention");
    return stamp === undefined ? undefined : stampAfter(stamp, 0, now);
  }

  /** False where nothing above what is acked is held. */
  get mayHoldUnacked(): boolean {
    const { messages, acked } = this.#tables;
    return messages.count > 0 && messages.highest > acked;
  }

  /** When the oldest message was accepted that nobody has acked, by `acked` or on record; undefined where there is none. */
  oldestUnackedAt(acked: number, now: number): number | undefined {
    for (const head of this.#tables.messages.alive(Math.max(acked, this.#tables.acked), now)) return head.acceptedAt;
    return undefined;
  }
}

/** A version, which is the instant of the change, and the reasons, in one number. */
const stampAfter = (before: number, reasons: number, now: number): number =>
  Math.max(now, versionIn(before) + 1) * BITS_END + reasons;
const reasonsIn = (stamp: number): number => stamp % BITS_END;
const versionIn = (stamp: number): number => Math.floor(stamp / BITS_END);
