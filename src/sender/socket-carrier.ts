/** Frames over the producer's socket (P). */
import { ERRORS, type ErrorCode } from "../protocol/errors.ts";
import type { Outcome, Problem, SentReply } from "../protocol/replies.ts";
import type { Fetch } from "./http-port.ts";
import { type Failure, failureOf } from "./send-error.ts";
import type { OpenCarrier } from "./stream.ts";

/** What of the standard's `WebSocket` is used, so that any may be given. */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
) => {
  send(text: string): void;
  close(code?: number): void;
  addEventListener(type: "message" | "close" | "error", listener: (event: { readonly data?: unknown }) => void): void;
};

type Frame =
  | { readonly type: "publisher_established" }
  | { readonly type: "published"; readonly results: readonly Outcome<SentReply>[] }
  | { readonly type: "error"; readonly code: string; readonly detail: string };

/** Frames on their way: as many as make up for a slow path, and few enough for the server's window (P3). */
const DEPTH = 4;

export const socketCarrier =
  (base: string, user: string, key: string, fetch: Fetch, given: WebSocketClass | undefined): OpenCarrier =>
  async (told, signal) => {
    const Socket = given ?? (globalThis.WebSocket as WebSocketClass | undefined);
    if (Socket === undefined) throw NO_WEBSOCKET;
    const url = `${base.endsWith("/") ? base : `${base}/`}v1/users/${encodeURIComponent(user)}/publish`;
    // The standard's constructor sets no header.
    const socket = new Socket(url.replace(/^http/i, "ws"), ["restante.publish.v1", `bearer.${key}`]);
    let failure = LOST;
    let ref = 0;
    await new Promise<void>((done, refused) => {
      let isOpen = false;
      socket.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(String(data)) as Frame;
        if (frame.type === "publisher_established") {
          isOpen = true;
          done();
        } else if (frame.type === "published") told.results(frame.results);
        else if (frame.type === "error") failure = toldFailure(frame.code, frame.detail);
      });
      // The close that follows says so, too; without a listener some would throw it at the process.
      socket.addEventListener("error", () => {});
      socket.addEventListener("close", () => {
        if (isOpen) told.lost(failure);
        else void reasonOf(url, key, fetch, signal).then(refused);
      });
      signal.addEventListener("abort", () => socket.close(), { once: true });
    });
    return {
      depth: DEPTH,
      send(messages) {
        ref += 1;
        socket.send(JSON.stringify({ type: "publish", ref, messages }));
      },
      close: () => socket.close(1000),
    };
  };

/** No WebSocket tells why its handshake was refused: the same without `Upgrade` does. */
const reasonOf = async (url: string, key: string, fetch: Fetch, signal: AbortSignal): Promise<Failure> => {
  try {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(url, { method: "GET", headers, redirect: "manual", signal });
    const problem = JSON.parse(await response.text()) as Problem;
    if (problem.code === undefined || problem.code === "upgrade_required") return LOST;
    return failureOf({ ...problem, http_status: response.status });
  } catch {
    return LOST;
  }
};

/** What the service says of itself by an error's code. */
export const toldFailure = (code: string, detail: string): Failure => {
  const known = ERRORS[code as ErrorCode] as { readonly retry: Failure["retry"] } | undefined;
  // A later server may have codes that this SDK does not list: what has no reply may have happened.
  return { code: code as Failure["code"], detail, retry: known?.retry === "no" ? "no" : "same_id" };
};

const LOST: Failure = {
  code: "network",
  detail: "The socket could not be opened, or was lost: what had no reply may have happened, or not.",
  retry: "same_id",
};

const NO_WEBSOCKET: Failure = {
  code: "network",
  detail:
    "There is no WebSocket here: take Node 22 or newer, or give one, as `createSender({ …, webSocket })`, such as that of the package ws.",
  retry: "no",
};
