// The shipped Worker with a fault planted in its Mailboxes, named by the variable FAULT: a step of the start-up check that fails there.
// `slow-connect` answers FAULT_MS late, and `slow-start` takes so long to start: no faults where that is soon enough.
import { Mailbox as ShippedMailbox } from "../../src/index.ts";

export * from "../../src/index.ts";
export { default } from "../../src/index.ts";

export class Mailbox extends ShippedMailbox {
  constructor(ctx, env) {
    super(ctx, env);
    if (env.FAULT === "slow-start") void ctx.blockConcurrencyWhile(() => scheduler.wait(Number(env.FAULT_MS)));
  }

  #fails(fault) {
    if (this.env.FAULT === fault) throw new Error(`planted: ${fault}`);
  }

  async send(call) {
    this.#fails("send");
    return super.send(call);
  }

  async fetch(request) {
    this.#fails("connect");
    if (this.env.FAULT === "slow-connect") await scheduler.wait(Number(this.env.FAULT_MS));
    const attached = await super.fetch(request);
    const frames = { silent: 0, "only-confirms": 1 }[this.env.FAULT];
    return frames === undefined ? attached : sendsOnly(frames, attached.webSocket);
  }

  webSocketMessage(socket, message) {
    if (this.env.FAULT !== "deaf") super.webSocketMessage(socket, message);
  }

  async erase() {
    this.#fails("clear");
    return super.erase();
  }
}

const sendsOnly = (count, behind) => {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  behind.accept();
  let sent = 0;
  behind.addEventListener("message", ({ data }) => {
    sent += 1;
    if (sent <= count) server.send(data);
  });
  return new Response(null, { status: 101, webSocket: client });
};
