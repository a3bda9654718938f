/**
 * The one state machine of an inbox, as a page may show it.
 *
 * ```
 *                                   connect()
 *                                       │
 *            ┌──────────────────────────▼──────────────────────────┐
 *            │                     connecting                      │◀─── due, or the world changed ───┐
 *            └──────┬───────────────────────────────────────┬──────┘                                  │
 *     connection_established                       refused, or no answer in time                      │
 *            ┌──────▼──────┐                                │                                         │
 *            │ catching_up │──── closed, silent, a hole ───▶│                                         │
 *            └──────┬──────┘                                │                                         │
 *               caught_up                                   │                                         │
 *            ┌──────▼──────┐                         ┌──────▼──────┐    the network is gone    ┌──────┴──────┐
 *            │    open     │──── closed, silent ────▶│   waiting   │──────────────────────────▶│   offline   │
 *            └─────────────┘                         └──────┬──────┘                           └─────────────┘
 *                                                           │
 *            any ── close(), or what retrying cannot cure ──▶ stopped ── reconnect() ──▶ connecting
 * ```
 */
import type { InboxError } from "./inbox-error.ts";

/** What carries the stream: a WebSocket, or Server-Sent Events where sockets do not get through (C10). */
export type Carrier = "socket" | "events";

interface Established {
  /** The server's name of this connection. */
  readonly connectionId: string;
  readonly device: string;
  readonly carrier: Carrier;
  /** How long it took from the attempt's start to `connection_established`, in milliseconds (M1). */
  readonly connectMs: number;
}

export type Status =
  /** `attempt` counts from 0 since `connect`. */
  | { readonly state: "connecting"; readonly attempt: number }
  /** Connected; `pending` messages waited at the server when it began. */
  | ({ readonly state: "catching_up"; readonly pending: number } & Established)
  /** Connected, and everything that waited is here. */
  | ({ readonly state: "open" } & Established)
  /** The next attempt begins at `retryAt` (Unix milliseconds of this machine), because of `cause`. */
  | { readonly state: "waiting"; readonly retryAt: number; readonly attempt: number; readonly cause: InboxError }
  /** This machine has no network; it goes on when there is one. */
  | { readonly state: "offline" }
  /** Nothing happens any more until `reconnect()`. Without an `error`, `close()` was called. */
  | { readonly state: "stopped"; readonly error?: InboxError | undefined };
