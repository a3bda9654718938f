/** `send`. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Message, Receipt } from "../sender/sender.ts";
import type { Command } from "./command.ts";
import { type Options, seconds } from "./options.ts";
import { bad, counted, dim, good, type Part, type Screen, warn } from "./screen.ts";
import type { Surroundings } from "./surroundings.ts";
import { age } from "./times.ts";
import { UsageError } from "./usage-error.ts";

export const send: Command = {
  name: "send",
  takes: "USER TYPE",
  summary: "send a message; it waits for the user where nobody is there",
  about: "0 where it is stored or delivered; 1 where it is refused, or has ended without anybody.",
  options: ["data", "id", "ttl", "topic", "wait", "fallback"],
  examples: [
    `restante send ada agent_started --data '{"run":7}' --wait 10`,
    "restante send ada report --data @report.json --ttl 2h --fallback 15m",
  ],
  run: async ({ args: [user = "", type = ""], options, sender, screen, around }) => {
    const data = options.data === undefined ? {} : { data: await dataOf(options.data, around) };
    const { id, topic } = options;
    const message: Message = { type, ...data, id, topic, ttl: seconds(options, "ttl"), ...fallbackOf(options) };
    const { replayed, ...state } = await sender.send(user, message, { wait: seconds(options, "wait") });
    screen.show({ ...state, ...(replayed ? { replayed } : {}) }, (shown) => tell(screen, user, { ...shown, replayed }));
    return state.status === "queued" || state.status === "delivered" ? 0 : 1;
  },
};

/** @throws UsageError */
const dataOf = async (given: string, { stdin, folder }: Surroundings): Promise<unknown> => {
  const json =
    given === "-" ? await text(stdin) : given.startsWith("@") ? await contents(resolve(folder, given.slice(1))) : given;
  try {
    return JSON.parse(json);
  } catch {
    const what = given === "-" ? "What came on stdin" : given.startsWith("@") ? given.slice(1) : `--data ${given}`;
    throw new UsageError(`${what} is not JSON. A text stands in quotes: --data '"hello"'.`);
  }
};

const contents = async (path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
};

const fallbackOf = (options: Options): Pick<Message, "fallback"> => {
  if (options.fallback === "none") return { fallback: null };
  const after = seconds(options, "fallback");
  return after === undefined ? {} : { fallback: { after } };
};

const tell = (screen: Screen, user: string, { status, replayed, ...message }: Receipt): void =>
  screen.pairs([
    ["status", statusPart(status), replayed ? " (the id was known: nothing new was made)" : ""],
    ["for", user, dim(reach(status, message))],
    ["id", message.id],
    ["seq", String(message.seq)],
    ["expires", status === "queued" ? age(message.expiresAt) : ""],
  ]);

const reach = (status: string, { devices, sentTo }: Pick<Receipt, "devices" | "sentTo">): string => {
  if (status !== "queued") return "";
  if (devices === 0) return ", who has never connected: it waits";
  return sentTo === 0 ? ", who is not connected: it waits" : `, sent to ${counted(sentTo, "open connection")}`;
};

export const statusPart = (status: string): Part => {
  if (status === "delivered") return good(status);
  return status === "queued" ? status : status === "expired" || status === "rejected" ? bad(status) : warn(status);
};
