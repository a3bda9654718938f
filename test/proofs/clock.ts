/** Instants of a schedule: for what is about time itself, such as an ack just before a limit. Never to wait for something to happen. */
import { performance } from "node:perf_hooks";

/** Waits for an instant of `performance.now()`. */
export const instant = (at: number): Promise<void> =>
  new Promise((done) => setTimeout(done, Math.max(0, at - performance.now())));

/** Asks again and again, until it holds; throws at the deadline. */
export const eventually = async (
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = 10_000,
): Promise<void> => {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${deadlineMs} ms: ${what}`);
    await instant(performance.now() + 20);
  }
};
