/**
 * Socket.IO as one would have it: a room for each user, connection state recovery on, and a callback for the sender. It stores nothing:
 * what is sent while nobody is connected, or was not within two minutes, is lost.
 *
 * `node socket-io-server.ts` listens on a port of its own choice and writes it to stdout.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, { connectionStateRecovery: {}, transports: ["websocket"], perMessageDeflate: false });
io.on("connection", (socket) => {
  const { user } = socket.handshake.query;
  if (typeof user === "string") socket.join(user);
  let seq = 0;
  socket.on("send", (to: string, message: unknown, reply: (seq: number) => void) => {
    seq += 1;
    io.to(to).emit("message", message);
    reply(seq);
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
