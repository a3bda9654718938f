/** The way to Restante that a sender's options name. */
import { bindingCarrier } from "./binding-carrier.ts";
import { bindingPort } from "./binding-port.ts";
import type { Effort } from "./calls.ts";
import { httpPort } from "./http-port.ts";
import { httpLive, noLive, type OpenLive } from "./live-carrier.ts";
import type { Port } from "./port.ts";
import type { SenderOptions } from "./sender.ts";
import { socketCarrier } from "./socket-carrier.ts";
import type { OpenCarrier } from "./stream.ts";

export interface Ports {
  readonly port: Port;
  /** Without a key, for what anybody may ask. */
  readonly open: Port;
  /** The way of a stream to one user. */
  readonly stream: (user: string, effort: Effort) => OpenCarrier;
  /** What happens to one user, as it happens. */
  readonly live: OpenLive;
}

/** @throws TypeError */
export const portsOf = (options: SenderOptions): Ports => {
  if ("binding" in options) {
    if (options.binding === undefined || options.binding === null) {
      throw new TypeError(
        'There is no such binding: `[[services]]` in wrangler.toml, with its `binding`, `service` and `entrypoint = "Sender"`.',
      );
    }
    const port = bindingPort(options.binding);
    return { port, open: port, stream: (user, effort) => bindingCarrier(port, user, effort), live: noLive };
  }
  const url = String(options.url);
  if (!URL.canParse(url) || !/^https?:/i.test(url)) {
    throw new TypeError(`url: that of the deployment, such as https://restante.example.com; it is ${url}.`);
  }
  const { key, fetch = (url, init) => globalThis.fetch(url, init), webSocket } = options;
  // A key that is no header's value would look like a network that fails.
  if (typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key)) {
    throw new TypeError(
      "key: an API key, as `npm run key` prints it; it is missing, or has characters that no key has.",
    );
  }
  return {
    port: httpPort(url, key, fetch),
    open: httpPort(url, undefined, fetch),
    stream: (user) => socketCarrier(url, user, key, fetch, webSocket),
    live: httpLive(url, key, fetch),
  };
};
