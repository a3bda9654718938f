/** A small HTTP server that streams what a test says, as `GET /v1/users/{user}/live` does, and fails as it says. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface LiveServer {
  readonly url: string;
  readonly requests: readonly { readonly path: string; readonly headers: IncomingMessage["headers"] }[];
  /** How many streams are open now. */
  readonly open: number;
  stop(): void;
}

/** `answer` is called for each request, with its place from 0 on. */
export const liveServer = async (
  answer: (reply: ServerResponse, index: number) => void,
  port = 0,
): Promise<LiveServer> => {
  const requests: { readonly path: string; readonly headers: IncomingMessage["headers"] }[] = [];
  let open = 0;
  const server = createServer(({ url: path = "/", headers }, reply) => {
    open += 1;
    reply.on("close", () => {
      open -= 1;
    });
    requests.push({ path, headers });
    answer(reply, requests.length - 1);
  });
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get open() {
      return open;
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

/** The head of a stream and frames of it. */
export const stream = (reply: ServerResponse, ...frames: readonly { readonly type: string }[]): void => {
  if (!reply.headersSent) reply.writeHead(200, { "content-type": "text/event-stream" });
  for (const frame of frames) reply.write(`event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`);
};
