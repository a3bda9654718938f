/** A proxy in front of the server that loses chosen WebSocket frames on their way to the client, while the socket stays open. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface LossyProxy {
  readonly url: string;
  /** How many frames it has lost. */
  readonly lost: number;
  stop(): void;
}

/** `loses` sees the text of each frame of every connection, in order, and says whether it is to be lost. */
export const lossyProxy = async (targetPort: number, loses: (text: string) => boolean): Promise<LossyProxy> => {
  let lost = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(targetPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    client.pipe(upstream);
    let rest: Buffer = Buffer.alloc(0);
    let isUpgraded = false;
    upstream.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      if (!isUpgraded) {
        const end = rest.indexOf("\r\n\r\n");
        if (end < 0) return;
        client.write(rest.subarray(0, end + 4));
        rest = rest.subarray(end + 4);
        isUpgraded = true;
      }
      for (let frame = frameAt(rest); frame !== undefined; frame = frameAt(rest)) {
        const isText = ((rest[0] ?? 0) & 0x0f) === 1;
        if (isText && loses(rest.subarray(frame.from, frame.to).toString())) lost += 1;
        else client.write(rest.subarray(0, frame.to));
        rest = rest.subarray(frame.to);
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get lost() {
      return lost;
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
};

/** The payload of the first frame, once all of it is there. A server's frames are not masked (RFC 6455, section 5.1). */
const frameAt = (bytes: Buffer): { readonly from: number; readonly to: number } | undefined => {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  const from = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < from) return undefined;
  const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  return bytes.length < from + length ? undefined : { from, to: from + length };
};
