/** A caller that hangs up before its reply. */
import { request } from "node:http";
import type { Socket } from "node:net";
import { API_KEY } from "../support/credentials.ts";

interface HeldCall {
  /** The status, if there was an answer before the end. */
  readonly ended: Promise<number | "gone">;
  /**
   * Resets the TCP connection. An ordinary close is only a FIN, which to workerd (1.20261023) is a caller that says no more and still
   * listens: it notices nothing until it writes. A reset it notices at once, as Cloudflare's edge would tell it.
   */
  hangUp(): void;
}

/** Without `waitSeconds` the reply is held no longer than it takes. */
export const heldSend = (url: string, user: string, message: unknown, waitSeconds?: number): HeldCall => {
  const body = JSON.stringify(message);
  let socket: Socket | undefined;
  const call = request(new URL(`/v1/users/${encodeURIComponent(user)}/messages`, url), {
    method: "POST",
    agent: false,
    headers: {
      authorization: `Bearer ${API_KEY}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      ...(waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` }),
    },
  });
  call.on("socket", (given) => {
    socket = given;
  });
  const ended = new Promise<number | "gone">((done) => {
    call.on("response", (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    });
    call.on("error", () => done("gone"));
  });
  call.end(body);
  return { ended, hangUp: () => socket?.resetAndDestroy() };
};
