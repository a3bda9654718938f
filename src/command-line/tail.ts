/** `tail`: what happens to a user, as it happens (N6). */
import { type LiveFrame, SendError } from "../sender/sender.ts";
import type { Command } from "./command.ts";
import { bad, count, counted, dim, good, type Part, type Screen, warn } from "./screen.ts";
import { statusPart } from "./sending.ts";
import { clockText } from "./times.ts";

/** Beyond the SDK's own patience: who watches wants to watch on when a deploy is over. */
const OUTAGE_MAX_MS = 600_000;

export const tail: Command = {
  name: "tail",
  takes: "USER",
  summary: "what happens to a user, as it happens; nothing is acked by it",
  about: "It goes on until Ctrl-C, and comes back by itself where the stream is lost.",
  options: [],
  run: async ({ args: [user = ""], operator, screen }) => {
    let seenAt = Number.NEGATIVE_INFINITY;
    let isLost = false;
    for (;;) {
      try {
        for await (const frame of operator.watch(user)) {
          seenAt = performance.now();
          isLost = false;
          screen.show(frame, (it) => tell(screen, it));
        }
      } catch (error) {
        const isPassing = error instanceof SendError && error.retry !== "no";
        if (!isPassing || performance.now() - seenAt > OUTAGE_MAX_MS) throw error;
        if (!isLost) screen.note(warn("The stream is lost; trying again."));
        isLost = true;
      }
    }
  },
};

const tell = (screen: Screen, frame: LiveFrame): void => {
  const at = "timestamp" in frame ? new Date(frame.timestamp) : new Date();
  screen.line(dim(clockText(at)), `  ${frame.type.padEnd(14)}`, ...about(frame));
};

const about = (frame: LiveFrame): readonly Part[] => {
  switch (frame.type) {
    case "state": {
      const { connections, devices, held, deadLetters } = frame;
      return [
        frame.connected ? good("connected") : "not connected",
        `, ${counted(connections.length, "connection")}, ${counted(devices.length, "device")}, ${count(held.count)} held, `,
        deadLetters === 0 ? "no dead letters" : bad(counted(deadLetters, "dead letter")),
      ];
    }
    case "accepted":
      return [frame.messageType, dim(ids(frame)), frame.topic === undefined ? "" : ` topic ${frame.topic}`];
    case "sent":
      return [`${frame.count} to ${frame.device}`, dim(` up to seq ${frame.seq}, ${frame.connectionId}`)];
    case "acked":
      return [`by ${frame.device}`, dim(` up to seq ${frame.seq}, ${frame.connectionId}`)];
    case "ended":
      return [statusPart(frame.status), dim(ids(frame))];
    case "connected":
      return [good(frame.device), dim(` ${frame.connectionId}`)];
    case "disconnected":
      return [`${frame.device} with ${frame.code}`, dim(` ${frame.connectionId}`)];
    case "skipped":
      return [warn(`${frame.count} left out here: too much happened at a time`)];
    default:
      // A later service's.
      return [dim(JSON.stringify(frame satisfies never))];
  }
};

const ids = ({ id, seq }: { readonly id: string; readonly seq?: number }): string =>
  ` ${id}${seq === undefined ? "" : ` seq ${seq}`}`;
