// The shipped Worker with a bug planted, named by the variable PLANTED: each breaks a promise in silence, as a real one would.
import shipped, { Mailbox as ShippedMailbox } from "../../src/index.ts";

export * from "../../src/index.ts";

let planted = "";
let turns = 0;
/** True for one in `n`. */
const now = (n) => ++turns % n === 0;

/** Objects that have been in memory since the process started. */
const known = new Set();
let othersData;

/** What goes to a user's devices, on its way there. */
const spoiled = (frame) => {
  const { messages } = frame;
  const one = messages[0];
  switch (planted) {
    case "drops-a-message":
      return messages.length > 1 && now(20) ? { ...frame, messages: messages.slice(1) } : frame;
    case "swaps-messages":
      return messages.length > 1 && now(20) ? { ...frame, messages: messages.toReversed() } : frame;
    case "tells-a-false-gap": {
      const reasons = { expired: messages.length, overtaken: 0 };
      const { prev } = frame;
      return now(200) ? { type: "gap", prev, seq: messages.at(-1).seq, count: messages.length, reasons } : frame;
    }
    case "shows-anothers-data": {
      const data = othersData;
      othersData = one.data;
      return now(100) && typeof data === typeof one.data
        ? { ...frame, messages: [{ ...one, data }, ...messages.slice(1)] }
        : frame;
    }
    case "cuts-joined-text":
      return textOf(frame, (deltas) => deltas.slice(1));
    case "shuffles-joined-text":
      return textOf(frame, (deltas) => deltas.toReversed());
    default:
      return frame;
  }
};

const textOf = (frame, change) => ({
  ...frame,
  messages: frame.messages.map((message) => {
    const deltas = message.first_seq === undefined ? [] : message.data.split("|").slice(0, -1);
    return deltas.length > 1 ? { ...message, data: `${change(deltas).join("|")}|` } : message;
  }),
});

const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  const isForDevices = typeof text === "string" && text.startsWith('{"type":"messages"');
  send.call(this, isForDevices ? JSON.stringify(spoiled(JSON.parse(text))) : text);
};

export class Mailbox extends ShippedMailbox {
  constructor(ctx, env) {
    planted = env.PLANTED;
    const id = ctx.id.toString();
    if (planted === "loses-the-newest-over-a-kill" && !known.has(id)) {
      try {
        ctx.storage.sql.exec("DELETE FROM packs WHERE pack = (SELECT MAX(pack) FROM packs)");
      } catch {
        // It is new.
      }
    }
    if (planted === "sleeps-through" && known.has(id)) ctx.getWebSockets = () => [];
    known.add(id);
    super(ctx, env);
  }

  async send(call) {
    if (planted === "stores-twice" && now(50))
      await super.send({ messages: call.messages.map(({ id: _, digest: __, ...message }) => message) });
    if (planted !== "forgets-ids") return super.send(call);
    const replies = await super.send({
      ...call,
      messages: call.messages.map(({ id: _, digest: __, ...message }) => message),
    });
    return replies.map((reply, at) => {
      const id = call.messages[at].id;
      return reply.ok && id !== undefined ? { ...reply, message: { ...reply.message, id } } : reply;
    });
  }

  async fetch(request) {
    if (planted !== "begins-too-far") return super.fetch(request);
    const header = "Restante-Attach";
    const call = JSON.parse(decodeURIComponent(request.headers.get(header)));
    const headers = new Headers(request.headers);
    headers.set(header, encodeURIComponent(JSON.stringify({ ...call, after: Number.MAX_SAFE_INTEGER })));
    return super.fetch(new Request(request, { headers }));
  }
}

export default {
  ...shipped,
  async fetch(request, env, ctx) {
    const response = await shipped.fetch(request, env, ctx);
    if (env.PLANTED !== "says-delivered-too-early" || response.status !== 202) return response;
    const text = (await response.text()).replace('"status":"queued"', '"status":"delivered"');
    return new Response(text, { status: 200, headers: response.headers });
  },
};
