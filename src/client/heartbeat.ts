/** Notices that nobody is at the other end any more (C8): a dead network says nothing by itself. */

/** How long an answer may take. */
const ANSWER_MS = 10_000;
/** How long it may take where there is reason for doubt: the page was asleep, or the network changed. */
const PROBE_ANSWER_MS = 4_000;
/** A timer that is so much late says that the machine, or the page, was asleep. */
const ASLEEP_MS = 3_000;

interface HeartbeatPlan {
  /** How often to ping, in milliseconds. */
  readonly everyMs: number;
  /** Absent where the other end beats by itself, as an event stream does. */
  readonly ping?: (() => void) | undefined;
  /** Nothing was heard in time. */
  readonly dead: () => void;
}

export class Heartbeat {
  readonly #plan: HeartbeatPlan;
  #beat: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(plan: HeartbeatPlan) {
    this.#plan = plan;
    this.#schedule();
  }

  /** Something came from the other end. */
  heard(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  /** Asks at once, with a short deadline. */
  probe(): void {
    if (this.#plan.ping !== undefined) this.#ask(PROBE_ANSWER_MS);
  }

  stop(): void {
    clearTimeout(this.#beat);
    this.heard();
  }

  #schedule(): void {
    const { everyMs, ping } = this.#plan;
    const dueAt = Date.now() + everyMs;
    this.#beat = setTimeout(() => {
      // Whoever beats by itself may be a whole beat away from the next.
      const answerMs = ping === undefined ? everyMs * 1.5 : Math.min(ANSWER_MS, everyMs);
      if (this.#deadline === undefined) this.#ask(Date.now() - dueAt > ASLEEP_MS ? PROBE_ANSWER_MS : answerMs);
      this.#schedule();
    }, everyMs);
  }

  #ask(answerMs: number): void {
    this.heard();
    this.#plan.ping?.();
    const dueAt = Date.now() + answerMs;
    this.#deadline = setTimeout(() => {
      // Asleep since it was asked: the answer may be waiting behind this very timer.
      if (Date.now() - dueAt > ASLEEP_MS) this.#ask(PROBE_ANSWER_MS);
      else this.#plan.dead();
    }, answerMs);
  }
}
