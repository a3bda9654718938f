import { evictDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { API_KEY, mintLocally } from "../support/credentials.ts";

const send = (user: string, body: unknown): Promise<Response> =>
  exports.default.fetch(`https://restante.test/v1/users/${user}/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

/** A Mailbox's name is the SHA-256 of `u:` and the user (A6). */
const mailboxOf = async (user: string) => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`u:${user}`));
  const name = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return env.MAILBOX.getByName(name);
};

test("[D1, D8] a socket that hibernates through an eviction goes on where it was", async () => {
  const user = "evicted";
  const response = await exports.default.fetch("https://restante.test/v1/socket", {
    headers: { upgrade: "websocket", authorization: `Bearer ${await mintLocally(user)}` },
  });
  const socket = response.webSocket;
  if (socket === null) throw new Error(`No socket: ${response.status}`);
  const frames: { readonly type: string; readonly messages?: readonly { readonly type: string }[] }[] = [];
  let changed = (): void => {};
  socket.addEventListener("message", ({ data }) => {
    frames.push(JSON.parse(String(data)));
    changed();
  });
  socket.accept();
  const received = (type: string): Promise<void> =>
    new Promise((done) => {
      changed = () => {
        if (frames.at(-1)?.type === type) done();
      };
      changed();
    });

  await received("caught_up");
  await evictDurableObject(await mailboxOf(user));
  expect((await send(user, { type: "after" })).status).toBe(202);
  await received("messages");
  expect(frames.map((frame) => frame.type)).toEqual(["connection_established", "caught_up", "messages"]);
  expect(frames.at(-1)?.messages).toMatchObject([{ type: "after" }]);
  socket.close(1000);
});
