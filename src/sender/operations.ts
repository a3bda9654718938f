/** What a sender does, by whatever way its port goes. */
import type { Location } from "../protocol/location.ts";
import { sendBatch } from "./batch.ts";
import { type Effort, run } from "./calls.ts";
import { checkedWait, checkId, checkUser, fieldsOf } from "./input.ts";
import { paged } from "./pages.ts";
import type { Ports } from "./ports.ts";
import { ready } from "./ready.ts";
import {
  camelCased,
  type DeadLetter,
  type HeldMessage,
  type Requeued,
  receiptOf,
  type UserState,
  type UserToken,
} from "./replies.ts";
import type { Sender } from "./sender.ts";
import { DeltaStream } from "./stream.ts";
import { activeTraceparent, wellFormed } from "./trace-context.ts";
import { userCalls } from "./user-calls.ts";
import { waitForConnection } from "./waiting.ts";

export const operations = ({ port, open, stream }: Ports, effort: Effort): Sender => {
  const ofUser = userCalls(port, effort);

  return {
    async send(user, message, { wait, traceparent = activeTraceparent(), ...options } = {}) {
      checkUser(user);
      const waitSeconds = checkedWait(wait);
      const fields = fieldsOf(message);
      const traced = wellFormed(traceparent);
      const reply = await run(
        port,
        effort,
        {
          method: "send",
          args: (left) => [user, fields, wait === undefined ? traced : { ...traced, wait: left }],
          repeating: fields.id === undefined ? "once" : "repeatable",
          waitSeconds,
          ...(fields.id === undefined ? {} : { id: fields.id }),
        },
        options,
      );
      return receiptOf(reply);
    },

    sendBatch: (messages, { traceparent = activeTraceparent(), ...options } = {}) => {
      const fields = messages.map(({ to, ...message }) => ({ to, ...fieldsOf(message) }));
      return sendBatch(port, effort, fields, { ...options, ...wellFormed(traceparent) });
    },

    stream: (user, options) => {
      checkUser(user);
      return new DeltaStream(stream(user, effort), effort, options);
    },

    state: async (user, { location, ...options } = {}) =>
      camelCased<UserState>(await ofUser("state", [user, placed(location)], options)),

    async waitForConnection(user, options = {}) {
      checkUser(user);
      return waitForConnection(port, effort, user, options);
    },

    mintToken: async (user, { ttl, device, location, ...options } = {}) => {
      const fields = { ...(ttl === undefined ? {} : { ttl }), ...(device === undefined ? {} : { device }) };
      return camelCased<UserToken>(await ofUser("mintToken", [user, { ...fields, ...placed(location) }], options));
    },

    async message(user, id, { location, ...options } = {}) {
      checkId(id);
      return camelCased<HeldMessage>(await ofUser("message", [user, id, placed(location)], options));
    },

    held: (user, { location, ...options } = {}) =>
      paged<HeldMessage, number>(async (after = 0) => {
        const { messages: items, ...next } = await ofUser("held", [user, { after, ...placed(location) }], options);
        return { items: items.map((item) => camelCased<HeldMessage>(item)), ...next };
      }),

    async recall(user, id, { location, ...options } = {}) {
      checkId(id);
      const { sent } = await ofUser("recall", [user, id, placed(location)], options, "once");
      return { sent };
    },

    deadLetters: (user, { location, reason, ...options } = {}) =>
      paged<DeadLetter, number>(async (after = 0) => {
        const query = { after, ...(reason === undefined ? {} : { reason }), ...placed(location) };
        const { dead_letters: items, ...next } = await ofUser("deadLetters", [user, query], options);
        return { items: items.map((item) => camelCased<DeadLetter>(item)), ...next };
      }),

    requeue: async (user, which, { ttl, location, ...options } = {}) => {
      const terms = { ...(ttl === undefined ? {} : { ttl }), ...placed(location) };
      return camelCased<Requeued>(await ofUser("requeue", [user, which, terms], options, "once"));
    },

    discard: async (user, which, { location, ...options } = {}) => {
      const { discarded } = await ofUser("discard", [user, which, placed(location)], options, "once");
      return { discarded };
    },

    revokeTokens: async (user, { location, ...options } = {}) => {
      await ofUser("revokeTokens", [user, placed(location)], options);
    },

    erase: async (user, { location, ...options } = {}) => {
      await ofUser("erase", [user, placed(location)], options);
    },

    ready: (options = {}) => ready({ port, open }, effort, options),
  };
};

const placed = (location: Location | undefined) => (location === undefined ? {} : { location });
