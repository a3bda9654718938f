/**
 * The start-up check (M4): a message that is sent before any socket is open reaches the socket that opens after it.
 *
 * It goes the way that every message goes, in a Mailbox reserved for it. The Mailbox is erased at the end, so that checks leave
 * nothing that could grow: what is over is over, and what a broken one has left is gone with the next.
 */
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { rfc3339 } from "../protocol/instant.ts";
import { LIMITS } from "../protocol/limits.ts";
import { connectionTag } from "../protocol/mailbox-api.ts";
import type { MessageState, NewMessage } from "../protocol/message.ts";
import { newMessage } from "../protocol/new-message.ts";
import type { Readiness } from "../protocol/readiness.ts";
import { accessSettings } from "../settings/access.ts";
import { type Environment, versionOf } from "../settings/environment.ts";
import type { StartUpLimits } from "../settings/start-up.ts";
import { attachTo } from "../worker/attach.ts";
import type { Bindings } from "../worker/exchange.ts";
import { reservedMailbox, type UserMailbox } from "../worker/mailbox-stub.ts";
import { Frames } from "./frames.ts";
import { Steps } from "./steps.ts";

const NAME = "startup_test";

export const checkStartUp = async (env: Bindings, limits: StartUpLimits): Promise<Readiness> => {
  const startedAt = Date.now();
  const steps = new Steps(limits);
  const configured = await steps.take("configuration", async () => configuration(env));
  if (configured.ok) await deliver(steps, reservedMailbox(env, `sys:${NAME}`));
  return {
    status: steps.taken.every((step) => step.ok) ? "ready" : "not_ready",
    version: versionOf(env),
    checked_at: rfc3339(startedAt),
    duration_ms: Date.now() - startedAt,
    steps: steps.taken,
  };
};

/** What nobody is let in without (A5). */
const configuration = (env: Environment): Checked<unknown> => {
  const { apiKeys, userTokens } = accessSettings(env);
  return apiKeys.ok ? userTokens : apiKeys;
};

const deliver = async (steps: Steps, mailbox: UserMailbox): Promise<void> => {
  const message = newMessage({ type: NAME, id: crypto.randomUUID() });
  if (!message.ok) throw new Error(message.detail);
  const socket = await sendThenConnect(steps, mailbox, message.value);
  await steps.clear(() => mailbox.call("repeatable", (stub) => stub.erase()));
  socket?.close();
};

/** Takes the steps up to the first that fails; gives back the socket, where it got so far. */
const sendThenConnect = async (
  steps: Steps,
  mailbox: UserMailbox,
  message: NewMessage,
): Promise<Frames | undefined> => {
  const sent = await steps.take("send", () => send(mailbox, message));
  if (!sent.ok) return undefined;
  const frames = await steps.take("connect", () => connect(mailbox, sent.value));
  if (!frames.ok) return undefined;
  const received = await steps.take("receive", () => receive(frames.value, sent.value));
  if (received.ok) {
    await steps.take("ack", (forMs) => {
      frames.value.send({ type: "ack", seq: sent.value.seq });
      return delivered(mailbox, message, forMs);
    });
  }
  return frames.value;
};

const send = async (mailbox: UserMailbox, message: NewMessage): Promise<Checked<MessageState>> => {
  const reply = await mailbox.call("repeatable", async (stub) => (await stub.send({ messages: [message] }))[0]);
  if (!reply.ok) return reply;
  const state = reply.value?.message;
  if (state?.status === "queued" && state.sentTo === 0) return granted(state);
  return refuse("internal", `Sent before any socket was open, the message should wait; it is ${said(state)}.`);
};

const connect = async (mailbox: UserMailbox, sent: MessageState): Promise<Checked<Frames>> => {
  // By the Mailbox's own clock, and later than the erasure that ended the check before (U3).
  const issuedAt = sent.acceptedAt + 1;
  const socket = await attachTo(mailbox, {
    user: NAME,
    device: NAME,
    window: LIMITS.windowMaxMessages,
    token: { issuedAt, expiresAt: issuedAt + LIMITS.tokenTtlDefaultMs },
    tag: connectionTag(mailbox.name),
  });
  if (!socket.ok) return socket;
  const frames = new Frames(socket.value);
  const first = await frames.next();
  if (!first.ok) return first;
  if (first.value.type === "connection_established") return granted(frames);
  return refuse("internal", `The first frame should be the confirmation; it is ${said(first.value)}.`);
};

const receive = async (frames: Frames, sent: MessageState): Promise<Checked<unknown>> => {
  for (;;) {
    const frame = await frames.next();
    if (!frame.ok) return frame;
    if (frame.value.messages?.some((m) => m.id === sent.id && m.seq === sent.seq)) return frame;
    // What a broken check has left comes before, and is told as any message is.
    if (frame.value.type !== "messages" && frame.value.type !== "gap") {
      return refuse("internal", `The message should have come before ${said(frame.value)}.`);
    }
  }
};

/** The same send again makes no second message, and waits for the end of the first (S3, S4). */
const delivered = async (mailbox: UserMailbox, message: NewMessage, waitMs: number): Promise<Checked<MessageState>> => {
  const call = { messages: [message], waitMs };
  const reply = await mailbox.call("repeatable", async (stub) => (await stub.send(call))[0]);
  if (!reply.ok) return reply;
  const state = reply.value?.message;
  if (state?.status === "delivered") return granted(state);
  return refuse("internal", `After its ack the message should be delivered; it is ${said(state)}.`);
};

/** In words for an operator; it is the check's own message and socket, so that nothing of a user's stands in it. */
const said = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 200);
