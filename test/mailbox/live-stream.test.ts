/** What an operator who stands still costs the isolate that others share (N6). */
import { expect, test } from "vitest";
import { toldText } from "../../src/protocol/live-frames.ts";
import { LiveStream } from "../../src/worker/live-stream.ts";

test("[N6] one who stands still among large frames is let go, long before the window of frames is full", async () => {
  const { 0: ours, 1: mailbox } = new WebSocketPair();
  const closed = new Promise<number>((done) => mailbox.addEventListener("close", ({ code }) => done(code)));
  mailbox.accept();
  const { body } = new LiveStream(ours, new AbortController().signal);
  // How a user stands with 32 devices and 32 connections.
  const state = JSON.stringify({ type: "state", filler: "x".repeat(18_000) });
  for (let told = 1; told <= 300; told += 1) mailbox.send(toldText(told, [state]));
  expect(await closed).toBe(1000);
  await expect(body.getReader().read()).rejects.toThrow("The reader is gone.");
});
