/**
 * `restante/client`: receives a user's messages in a browser, in Node, in a Worker.
 *
 * ```ts
 * import { connect } from "restante/client";
 *
 * type Events = { agent_started: { run: string }; agent_completed: { answer: string } };
 *
 * const inbox = connect<Events>({
 *   url: "https://restante.example.com",
 *   token: () => fetch("/restante-token").then((reply) => reply.text()),
 *   onMessage: (message) => {
 *     if (message.type === "agent_completed") show(message.data.answer);
 *   },
 * });
 * ```
 */
import { Inbox } from "./inbox.ts";
import { InboxError } from "./inbox-error.ts";
import type { EventMap, Message } from "./message.ts";
import type { ConnectOptions, InboxOptions } from "./options.ts";

export type { ClientCode } from "./inbox-error.ts";
export type { EventMap, Gap, Message } from "./message.ts";
export type { Carrier, Status } from "./status.ts";
export type { TokenOption } from "./token-source.ts";
export type { ConnectOptions, Inbox, InboxOptions };
export { InboxError };

/**
 * Connects, and stays connected. Each message is handed to `onMessage` once and in order, as long as the page lives; it is
 * asked for here and at once, so that no listener can come too late.
 * @throws TypeError where an option is missing or not well formed; all else goes to `onError` and `status`.
 */
export const connect = <Events extends object = EventMap>(options: ConnectOptions<Events>): Inbox<Events> =>
  new Inbox<Events>(options);

/**
 * The same as a loop. A message is acked when the next one is asked for; after a `break` the last one comes again with the
 * next connection, as one that was not processed.
 *
 * ```ts
 * for await (const message of receive<Events>({ url, token })) await handle(message);
 * ```
 * @throws InboxError where retrying cannot cure what ended it. `signal` ends the loop without one.
 */
export async function* receive<Events extends object = EventMap>(
  options: InboxOptions,
): AsyncGenerator<Message<Events>, void, undefined> {
  let arrived: { readonly message: Message<Events>; readonly done: () => void } | undefined;
  let wake = () => {};
  const inbox = connect<Events>({
    ...options,
    onMessage: (message) =>
      new Promise<void>((done) => {
        arrived = { message, done };
        wake();
      }),
    onStatus: (status) => {
      options.onStatus?.(status);
      wake();
    },
  });
  try {
    for (;;) {
      const next = arrived;
      if (next !== undefined) {
        arrived = undefined;
        yield next.message;
        next.done();
      } else if (inbox.status.state === "stopped") {
        if (inbox.status.error !== undefined) throw inbox.status.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    inbox.close();
  }
}
