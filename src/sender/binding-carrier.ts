/** Frames as batches over a service binding (S9, S11): one at a time, and what is written meanwhile goes with the next. */
import type { BatchFields } from "../protocol/sender-api.ts";
import type { Effort } from "./calls.ts";
import { attempt, type Port } from "./port.ts";
import type { OpenCarrier } from "./stream.ts";

export const bindingCarrier =
  (port: Port, user: string, { attemptTimeoutMs }: Effort): OpenCarrier =>
  async (told, signal) => ({
    depth: 1,
    send(messages) {
      const batch = messages.map((message): BatchFields => ({ to: user, ...message }));
      void attempt(port, "sendBatch", [batch], { forMs: attemptTimeoutMs, signal }).then((outcome) => {
        if (outcome.ok) told.results(outcome.reply.results);
        else told.lost(outcome.failure);
      });
    },
    close() {},
  });
