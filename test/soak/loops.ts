/** Rounds of work that follow one another until the soak is over; the one that runs is finished. */
import { instant } from "../proofs/clock.ts";

/** How soon a long pause notices that it is over. */
const LOOK_EVERY_MS = 200;

export class Loops {
  readonly #running: Promise<void>[] = [];
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Starts one more. */
  add(round: () => Promise<void>): void {
    const run = async () => {
      while (!this.#isOver) await round();
    };
    this.#running.push(run());
  }

  /** Waits so long, or until it is over. */
  async pause(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (!this.#isOver && performance.now() < until)
      await instant(Math.min(until, performance.now() + LOOK_EVERY_MS));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }
}
