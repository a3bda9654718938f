/** Looking at one user: `state`, `held`, `message`, `recall`, `dead-letters`. Looking never acks. */
import { DEAD_LETTER_REASONS } from "../protocol/message.ts";
import type { DeadLetter, HeldMessage, UserState } from "../sender/sender.ts";
import type { Command } from "./command.ts";
import { oneOf } from "./options.ts";
import { bad, count, counted, dim, good, type Part, type Screen, strong } from "./screen.ts";
import { statusPart } from "./sending.ts";
import { age } from "./times.ts";
import { trail } from "./trails.ts";

export const state: Command = {
  name: "state",
  takes: "USER",
  summary: "who is connected, on which devices, and how much is held",
  options: [],
  run: async ({ args: [user = ""], sender, screen }) => {
    const found = await sender.state(user);
    if (screen.isJson) screen.json(found);
    else await tell(screen, user, found);
    return 0;
  },
};

const tell = async (screen: Screen, user: string, it: UserState): Promise<void> => {
  const { connections, devices, held } = it;
  screen.pairs([
    ["user", strong(user), "  ", it.connected ? good("connected") : "not connected"],
    ["held", `${counted(held.count, "message")}, ${sizeText(held.bytes)}`, oldest(held.oldestAt)],
    ["dead letters", it.deadLetters === 0 ? "0" : bad(count(it.deadLetters))],
    ["mailbox", dim(it.mailbox)],
  ]);
  if (connections.length > 0) {
    screen.line();
    await screen.list(connections, {
      none: "",
      columns: [
        { title: "CONNECTION", of: ({ connectionId }) => connectionId },
        { title: "DEVICE", of: ({ device }) => device },
        { title: "OPENED", of: ({ openedAt }) => age(openedAt) },
        { title: "PINGED", of: ({ pingedAt }) => age(pingedAt) },
        { title: "ACKED", of: ({ ackedSeq }) => String(ackedSeq) },
        { title: "UN-ACKED", of: ({ inFlight, window }) => `${inFlight} of ${window}` },
        { title: "TOKEN ENDS", of: ({ tokenExpiresAt }) => age(tokenExpiresAt) },
      ],
    });
  }
  if (devices.length > 0) {
    screen.line();
    await screen.list(devices, {
      none: "",
      columns: [
        { title: "DEVICE", of: ({ device }) => device },
        { title: "CURSOR", of: ({ cursor }) => String(cursor) },
        { title: "FIRST SEEN", of: ({ firstSeenAt }) => age(firstSeenAt) },
        { title: "LAST SEEN", of: ({ connected, lastSeenAt }) => (connected ? good("connected") : age(lastSeenAt)) },
      ],
    });
  }
};

const oldest = (at: string | undefined): string => (at === undefined ? "" : `, the oldest accepted ${age(at)}`);

const sizeText = (bytes: number): string => {
  if (bytes < 1_024) return `${bytes} bytes`;
  const kib = bytes / 1_024;
  return kib < 1_024 ? `${kib.toFixed(1)} KiB` : `${(kib / 1_024).toFixed(1)} MiB`;
};

export const held: Command = {
  name: "held",
  takes: "USER",
  summary: "what waits for a user, oldest first, with its trail",
  options: [],
  run: async ({ args: [user = ""], sender, screen }) => {
    await screen.list(sender.held(user), {
      none: `Nothing is held for ${user}.`,
      columns: [
        { title: "SEQ", of: ({ seq }) => String(seq) },
        { title: "ID", of: ({ id }) => id },
        { title: "STATUS", of: ({ status }) => statusPart(status) },
        { title: "ACCEPTED", of: ({ acceptedAt }) => age(acceptedAt) },
        { title: "EXPIRES", of: ({ expiresAt }) => age(expiresAt) },
        { title: "SENT TO", of: ({ sentTo }) => sentTo },
        { title: "TYPE AND DATA", of: content },
      ],
      below: trail,
    });
    return 0;
  },
};

const content = ({ type = "", data }: { readonly type?: string; readonly data?: unknown }): Part =>
  data === undefined ? type : `${type} ${JSON.stringify(data)}`;

export const message: Command = {
  name: "message",
  takes: "USER ID",
  summary: "what became of one message, for 24 hours after its end",
  options: [],
  run: async ({ args: [user = "", id = ""], sender, screen }) => {
    screen.show(await sender.message(user, id), (it) => tellMessage(screen, it));
    return 0;
  },
};

const tellMessage = (screen: Screen, it: HeldMessage): void =>
  screen.pairs([
    ["status", statusPart(it.status)],
    ["id", it.id],
    ["seq", String(it.seq)],
    ["accepted", age(it.acceptedAt)],
    ["expires", it.status === "queued" ? age(it.expiresAt) : ""],
    ["delivered", age(it.deliveredAt)],
    ["escalated", age(it.escalatedAt)],
    ["requeued from", it.requeuedFrom === undefined ? "" : String(it.requeuedFrom)],
    ["sent to", `${it.sentTo} of ${it.devices} devices`],
    ["topic", it.topic ?? ""],
    ["message", content(it)],
    ["trail", ...trail(it)],
  ]);

export const recall: Command = {
  name: "recall",
  takes: "USER ID",
  summary: "take back a message that nobody has acked",
  options: [],
  run: async ({ args: [user = "", id = ""], sender, screen }) => {
    const { sent } = await sender.recall(user, id);
    screen.show({ status: "recalled", sent }, () => {
      screen.line("recalled", dim(sent ? ": a connection may have got it" : ": nobody had it"));
    });
    return 0;
  },
};

export const deadLetters: Command = {
  name: "dead-letters",
  takes: "USER",
  summary: "what ended undelivered, with its trail",
  options: ["reason"],
  run: async ({ args: [user = ""], options, sender, screen }) => {
    const reason = oneOf("reason", options.reason, DEAD_LETTER_REASONS);
    await screen.list<DeadLetter>(sender.deadLetters(user, { reason }), {
      none: `There are no dead letters${reason === undefined ? "" : ` (${reason})`} of ${user}.`,
      columns: [
        { title: "SEQ", of: ({ seq }) => String(seq) },
        { title: "ID", of: ({ id }) => id },
        { title: "REASON", of: ({ reason }) => bad(reason) },
        { title: "ACCEPTED", of: ({ acceptedAt }) => age(acceptedAt) },
        { title: "ENDED", of: ({ endedAt }) => age(endedAt) },
        { title: "CLIENT'S WORDS", of: ({ rejectReason }) => rejectReason ?? "" },
        { title: "TYPE AND DATA", of: content },
      ],
      below: trail,
    });
    return 0;
  },
};
