/** What an app sends. */
import type { Location } from "../protocol/location.ts";

/** Event types of an app and their data: `{ agent_started: { run: string }; agent_completed: { answer: string } }`. Shared with the client. */
export type EventMap = Readonly<Record<string, unknown>>;

/** `data` may be left out where the event's may be undefined. */
type Content<Type extends string, Data> = undefined extends Data
  ? { readonly type: Type; readonly data?: Data }
  : { readonly type: Type; readonly data: Data };

/** What a sender may say beside type and data (PROTOCOL.md, Sending). */
export interface Terms {
  /**
   * Makes the send idempotent for its user (S4): 1 to 128 printable ASCII characters, the first not `~`. Where it is left
   * out, the SDK makes one, so that its own retries cannot make a second message. `false` sends without: the server then
   * writes half as much, and what may have happened already is not tried again.
   */
  readonly id?: string | false | undefined;
  /** Seconds that it is held, 7 days where it is left out; 0 = only whoever is there now gets it (S5). */
  readonly ttl?: number | undefined;
  /** Replaces a held message of the same topic that nobody has acked (S6). */
  readonly topic?: string | undefined;
  /**
   * One of a stream's deltas, whose `data` is a text: it replaces nothing of its topic. A reader who comes back gets those that it
   * has missed as one (C3). `Sender.stream` sends such.
   */
  readonly append?: true | undefined;
  /**
   * Where nobody has acked it after so many seconds, it goes to the deployment's webhook (N1); `null`: not even by the
   * deployment's default.
   */
  readonly fallback?: { readonly after: number } | null | undefined;
  /** Near which region the user's Mailbox is born, if this send is the first call to it (S12). */
  readonly location?: Location | undefined;
}

/** One message, as a union by `type`: the type says what `data` must be. */
export type Message<Events extends object = EventMap> = {
  [Type in keyof Events & string]: Content<Type, Events[Type]> & Terms;
}[keyof Events & string];

/** One message of a batch, and the user whom it is for (S9). */
export type BatchMessage<Events extends object = EventMap> = Message<Events> & { readonly to: string };
