/** A TCP proxy in front of the server, as a network that misbehaves. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Gate {
  readonly url: string;
  /** Nothing comes through any more, in either direction, and nobody is told. */
  swallow(): void;
  /** New connections pass again; those of before stay dead. */
  pass(): void;
  /** Whether WebSocket handshakes pass, or are answered with 502, as by a proxy that knows nothing of them. */
  letsSocketsThrough: boolean;
  /** WebSocket handshakes that came. */
  readonly handshakes: number;
  stop(): void;
}

export const openGate = async (targetPort: number): Promise<Gate> => {
  const open = new Set<Socket>();
  let swallows = false;
  let handshakes = 0;
  const server = createServer((client) => {
    const upstream = connect(targetPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => open.delete(socket));
    }
    if (swallows) return void client.resume();
    client.once("data", (head: Buffer) => {
      const isHandshake = /^upgrade: websocket\r$/im.test(String(head));
      if (isHandshake) handshakes += 1;
      if (isHandshake && !gate.letsSocketsThrough) {
        upstream.destroy();
        client.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
      }
      upstream.write(head);
      client.pipe(upstream);
      upstream.pipe(client);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const gate: Gate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    letsSocketsThrough: true,
    get handshakes() {
      return handshakes;
    },
    swallow: () => {
      swallows = true;
      for (const socket of open) socket.unpipe().resume();
    },
    pass: () => {
      swallows = false;
    },
    stop: () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
  return gate;
};
