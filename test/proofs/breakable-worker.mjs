// The shipped Worker, with one more route: `POST /test/reset/{user}` resets that user's Mailbox, as a deploy, a move or a failure of the
// platform does: its memory is gone and its sockets are closed, while the process and the callers' requests go on.
import shipped, { Mailbox as ShippedMailbox } from "../../src/index.ts";

export * from "../../src/index.ts";

export class Mailbox extends ShippedMailbox {
  resetForTest() {
    this.ctx.abort("reset by a test");
  }
}

const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

export default {
  ...shipped,
  async fetch(request, env, ctx) {
    const user = /^\/test\/reset\/(.+)$/.exec(new URL(request.url).pathname)?.[1];
    if (user === undefined) return shipped.fetch(request, env, ctx);
    const name = hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`u:${user}`)));
    try {
      await env.MAILBOX.getByName(name).resetForTest();
    } catch {
      // The call ends with the object.
    }
    return new Response(null, { status: 204 });
  },
};
