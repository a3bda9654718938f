/**
 * A TCP connection that hands over whole packets: what the senders and readers of the other systems are made of.
 *
 * The generator shares the machine with the server. A general client library costs it more than the server itself spends on a message, and
 * what would be measured is the library: these write bytes made beforehand, parse what they must, and let each system be as fast as it is.
 */
import { connect, type Socket } from "node:net";

interface Wire {
  /** How many bytes the packet has that begins at `at`; undefined while it is not known or not whole. */
  lengthOf(bytes: Buffer, at: number): number | undefined;
  take(packet: Buffer): void;
  /** After the last packet of what came at once: the time to ack all of it. */
  taken?(socket: Socket): void;
}

export const openWire = (port: number, wire: Wire): Promise<Socket> =>
  new Promise((done, failed) => {
    const socket = connect(port, "127.0.0.1", () => done(socket));
    socket.setNoDelay(true);
    socket.once("error", failed);
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (;;) {
        const length = at < bytes.length ? wire.lengthOf(bytes, at) : undefined;
        if (length === undefined || at + length > bytes.length) break;
        wire.take(bytes.subarray(at, at + length));
        at += length;
      }
      rest = bytes.subarray(at);
      wire.taken?.(socket);
    });
  });
