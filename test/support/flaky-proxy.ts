/**
 * An HTTP proxy in front of the server that fails as networks and proxies do, request by request, as a test says.
 *
 * ```ts
 * const proxy = await flakyProxy(runtime.port, (_, index) => (index === 0 ? "loses_reply" : "passes"));
 * ```
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export type Fault =
  | "passes"
  /** The connection ends before the server saw anything. */
  | "refuses"
  /** The server has answered, in full; nothing of it comes. */
  | "loses_reply"
  /** The server has answered; half of the body comes. */
  | "cuts_reply"
  /** The server has answered; nothing ever comes, and the connection stays open. */
  | "keeps_reply"
  /** The proxy answers by itself: with a page of its own, unless a body is given. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: object };

interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly at: number;
}

export interface FlakyProxy {
  readonly url: string;
  readonly requests: readonly ProxiedRequest[];
  stop(): void;
}

export const flakyProxy = async (
  targetPort: number,
  fault: (request: ProxiedRequest, index: number) => Fault,
): Promise<FlakyProxy> => {
  const requests: ProxiedRequest[] = [];
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/", headers } = incoming;
    const body = await buffer(incoming);
    const proxied = { method, path, headers, body: body.toString(), at: performance.now() };
    requests.push(proxied);
    const is = fault(proxied, requests.length - 1);
    if (typeof is === "object") {
      const { body: own } = is;
      const type = own === undefined ? "text/html" : "application/problem+json";
      const page = own === undefined ? "<html>A proxy's own.</html>" : JSON.stringify(own);
      outgoing.writeHead(is.status, { "content-type": type, ...is.headers }).end(page);
      return;
    }
    if (is === "refuses") return void outgoing.destroy();
    const { reply, text } = await forwarded(targetPort, incoming, body);
    switch (is) {
      case "passes":
        outgoing.writeHead(reply.statusCode ?? 500, reply.headers).end(text);
        return;
      case "loses_reply":
        outgoing.destroy();
        return;
      case "cuts_reply":
        outgoing.writeHead(reply.statusCode ?? 500, { ...reply.headers, "content-length": text.length });
        outgoing.write(text.subarray(0, text.length / 2), () => outgoing.destroy());
        return;
      case "keeps_reply":
        return;
    }
  };
  const server = createServer((incoming, outgoing) => {
    // Where the server is gone, so is this one for the request.
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

const forwarded = (
  port: number,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
): Promise<{ readonly reply: IncomingMessage; readonly text: Buffer }> =>
  new Promise((done, failed) => {
    const sending = request({ host: "127.0.0.1", port, method, path: url, headers }, (reply) => {
      buffer(reply).then((text) => done({ reply, text }), failed);
    });
    sending.on("error", failed);
    sending.end(body);
  });
