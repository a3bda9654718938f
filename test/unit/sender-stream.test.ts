/** A stream's carrier that goes wrong in silence, by a driven clock. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Carrier, DeltaStream, type Told } from "../../src/sender/stream.ts";

const EFFORT = { timeoutMs: 30_000, attemptTimeoutMs: 10_000, maxAttempts: 25 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Carriers that take frames and say nothing, but what a test says for them. */
const carriers = () => {
  const opened: { readonly told: Told; readonly frames: string[][] }[] = [];
  const open = async (told: Told): Promise<Carrier> => {
    const frames: string[][] = [];
    opened.push({ told, frames });
    return { depth: 4, send: (messages) => frames.push(messages.map(({ data }) => String(data))), close() {} };
  };
  return { open, opened };
};

test("[P5, S13] a peer that is silent is given up in its time, however steadily one goes on writing", async () => {
  const { open, opened } = carriers();
  const stream = new DeltaStream(open, EFFORT, { topic: "run-7" });
  const written: string[] = [];
  for (let n = 0; n < 24; n += 1) {
    written.push(`${n}`);
    void stream.write(`${n}`);
    await vi.advanceTimersByTimeAsync(500);
  }
  expect(opened).toHaveLength(2);
  expect(opened[1]?.frames.flat().slice(0, 20)).toEqual(written.slice(0, 20));
});
