/** What carries a connection's frames, and how its end is told. */
import type { Token } from "./token-source.ts";

export interface CarrierRequest {
  /** The server's base URL, with a slash at its end. */
  readonly base: URL;
  /** `device`, `after`, `attempt`, `connect_ms` (PROTOCOL.md, Connecting). */
  readonly query: URLSearchParams;
  /** The present one: it may have been renewed since. */
  readonly token: () => Token;
}

export interface CarrierEvents {
  /** A sign of life that is no frame. */
  readonly alive: () => void;
  readonly frame: (text: string) => void;
  /** Once, and not after `close`. A request that was refused ends with the close code that says the same. */
  readonly closed: (end: CarrierEnd) => void;
}

export interface CarrierEnd {
  /** A close code (PROTOCOL.md, C11); 1006 where none came. */
  readonly code: number;
  /** The server's name of the error; empty where nothing is known. */
  readonly reason: string;
  /** For a person. */
  readonly detail?: string;
}

export interface OpenCarrier {
  /** A frame to the server: `ack`, `reject` or `ping`. */
  send(frame: OutgoingFrame): void;
  /** Ends it; nothing more is told of it. */
  close(code: number, reason: string): void;
}

export type OutgoingFrame =
  | { readonly type: "ack"; readonly seq: number; readonly checkpoint?: number }
  | { readonly type: "reject"; readonly seq: number; readonly reason: string }
  | { readonly type: "ping" };

export type Open = (request: CarrierRequest, events: CarrierEvents) => OpenCarrier;

/** How the codes read where no close frame came (RFC 6455, section 7.4.1). */
export const ABNORMAL = 1006;
