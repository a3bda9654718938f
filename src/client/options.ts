/** What an app says when it connects. */
import type { InboxError } from "./inbox-error.ts";
import type { Gap, Message } from "./message.ts";
import type { Status } from "./status.ts";
import type { TokenOption } from "./token-source.ts";
import type { WebSocketConstructor } from "./web-socket.ts";

export interface InboxOptions {
  /** Where Restante is: `https://restante.example.com`, or a path of the page's own origin. */
  readonly url: string | URL;
  /** A user token, or what fetches one from your backend. Only a function can renew it: a token alone ends with its hour. */
  readonly token: TokenOption;
  /** Called where messages that were meant for this device ended without it (C4): load the state from your backend. */
  readonly onGap?: (gap: Gap) => unknown;
  /** Called for what the app should know of: a handler that failed, a token that could not be fetched, what made it stop. Default: the console. */
  readonly onError?: (error: InboxError) => void;
  readonly onStatus?: (status: Status) => void;
  /** Default: an id kept in the browser's storage; without storage the server's `default`. The token's own goes before it. */
  readonly device?: string;
  /** `manual`: the device's cursor moves only by `checkpoint(seq)`; a reload gets again what lies above (C5). Default `automatic`. */
  readonly checkpoints?: "automatic" | "manual";
  /** Un-acked entries that the server may have on their way to here: 1 to 256, which is the default (C7). */
  readonly window?: number;
  /** How long connecting may take, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Closes the inbox. */
  readonly signal?: AbortSignal;
  /** Default: the global one. Without any, as in Node 20, Server-Sent Events carry the stream. */
  readonly WebSocket?: WebSocketConstructor;
}

export interface ConnectOptions<Events extends object> extends InboxOptions {
  /**
   * Called for each message, in order, one after another: the next waits until what this returns has resolved. Then it is
   * acked. One that throws is called again, twice at most; then the message is rejected, and becomes a dead letter (C6).
   */
  readonly onMessage: (message: Message<Events>) => unknown;
}

/** With a slash at its end. @throws TypeError where it is no URL of the web. */
export const baseOf = (url: string | URL): URL => {
  const base = new URL(url, globalThis.location?.href);
  if (!/^https?:$/.test(base.protocol)) throw new TypeError("`url` is no http(s) URL.");
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  base.search = "";
  base.hash = "";
  return base;
};
