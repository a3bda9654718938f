// The shipped Worker under a clock that a test drives, with faults that it plants and takes away while it runs.
//
// `POST /test/clock/{ms}`: how far the clock is ahead. `POST /test/schedule`: what the cron trigger does each minute.
// `POST /test/fault/{name}`: `mailbox` – a user's Mailbox does not start; `handshake` – it takes its time over a handshake, so that a
// caller can hang up meanwhile; `start-up` – the Mailbox of the start-up check takes longer than it may; `index` – a part of the index of
// who needs a person cannot be reached; `none`.
// `POST /test/report/{shard}`: hands a report to that Monitor, as a Mailbox does; so that a past can be measured that nobody waits for.
// `POST /test/bulk/{n}`: so many users more a bulk job may go through, until it waits.
// `POST /test/handshakes/asked`, `…/answered`: how many have reached a slow Mailbox, and have its answer.
import shipped, { Mailbox as ShippedMailbox, Monitor as ShippedMonitor } from "../../src/index.ts";

export * from "../../src/index.ts";

const now = Date.now;
let aheadMs = 0;
Date.now = () => now() + aheadMs;

let fault = "none";
let bulkSteps = Number.POSITIVE_INFINITY;
const handshakes = { asked: 0, answered: 0 };

export class Mailbox extends ShippedMailbox {
  constructor(ctx, env) {
    if (fault === "mailbox" && !ctx.id.name.startsWith("sys:")) throw new Error("planted: it does not start");
    super(ctx, env);
  }

  async fetch(request) {
    const isOwn = this.ctx.id.name.startsWith("sys:");
    if (fault === "handshake" && !isOwn) {
      handshakes.asked += 1;
      await scheduler.wait(300);
      handshakes.answered += 1;
    }
    if (fault === "start-up" && isOwn) await scheduler.wait(2 * Number(this.env.READY_STEP_MS));
    return super.fetch(request);
  }

  async bulkStep(step) {
    while (bulkSteps <= 0) await scheduler.wait(20);
    bulkSteps -= 1;
    return super.bulkStep(step);
  }
}

export class Monitor extends ShippedMonitor {
  async attention(query) {
    if (fault === "index" && this.ctx.id.name.endsWith(":0")) throw new Error("planted: this part is out of reach");
    return super.attention(query);
  }
}

export default {
  ...shipped,
  async fetch(request, env, ctx) {
    const [, test, what, value] = new URL(request.url).pathname.split("/");
    if (test !== "test") return shipped.fetch(request, env, ctx);
    if (what === "clock") aheadMs = Number(value);
    if (what === "fault") fault = value;
    if (what === "bulk") bulkSteps = Number(value);
    if (what === "report") await env.MONITOR.getByName(`sys:monitor:${value}`).report(await request.json());
    if (what === "schedule") await shipped.scheduled({}, env, ctx);
    return new Response(String(handshakes[value]));
  },
};
