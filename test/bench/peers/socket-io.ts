/** Socket.IO, with connection state recovery and a callback for each message, over a WebSocket. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { WebSocket } from "ws";
import { MESSAGE } from "../measures.ts";
import type { Installable, Peer, PeerReader, PeerSender } from "./peer.ts";

const require = createRequire(import.meta.url);

const versionOf = (): string | undefined => {
  try {
    return require("socket.io/package.json").version;
  } catch {
    return undefined;
  }
};

export const socketIo: Installable = {
  name: "Socket.IO",
  install: "npm ci",
  isInstalled: () => versionOf() !== undefined,
  start: async () => {
    const file = new URL("./socket-io-server.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, ["--no-warnings", file], { stdio: ["ignore", "pipe", "inherit"] });
    process.on("exit", () => child.kill("SIGKILL"));
    const port = await new Promise<number>((done, failed) => {
      child.stdout.once("data", (text) => done(Number(text)));
      child.once("exit", () => failed(new Error("Socket.IO did not start.")));
    });
    const peer: Peer = {
      name: "Socket.IO",
      durable: "no: in memory, for 2 min after a drop",
      isSynced: false,
      holdsBacklog: false,
      pid: child.pid ?? 0,
      prepare: async () => {},
      sender: (user, confirmed) => senderTo(port, user, confirmed),
      reader: (user) => readerOf(port, user),
    };
    return { version: `Socket.IO ${versionOf()}`, peers: [peer], stop: async () => void child.kill("SIGKILL") };
  },
};

// Packets of Engine.IO 4, each in a frame of text: 0 open, 2 ping, 3 pong, 4 a packet of Socket.IO's, of which 0 is connect, 2 an event, 3 an ack.
const PING = "2";
const PONG = "3";
const CONNECT = "40";
const EVENT = "42";
const ACK = "43";

const opened = async (port: number, user: string, heard: (packet: string) => void): Promise<WebSocket> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket&user=${user}`, {
    perMessageDeflate: false,
  });
  await new Promise<void>((done, failed) => {
    socket.once("error", failed);
    socket.on("message", (raw) => {
      const packet = String(raw);
      if (packet === PING) socket.send(PONG);
      else if (packet.startsWith("0")) socket.send(CONNECT);
      else if (packet.startsWith(CONNECT)) done();
      else heard(packet);
    });
  });
  return socket;
};

const senderTo = async (port: number, user: string, confirmed: (count: number) => void): Promise<PeerSender> => {
  const socket = await opened(port, "", (packet) => {
    if (packet.startsWith(ACK)) confirmed(1);
  });
  const message = `${EVENT}0${JSON.stringify(["send", user, MESSAGE])}`;
  return {
    publish: (count) => {
      for (let sent = 0; sent < count; sent += 1) socket.send(message);
    },
    close: () => socket.terminate(),
  };
};

const readerOf = async (port: number, user: string): Promise<PeerReader> => {
  let received = 0;
  const socket = await opened(port, user, (packet) => {
    JSON.parse(packet.slice(EVENT.length));
    received += 1;
  });
  return {
    get received() {
      return received;
    },
    close: () => socket.terminate(),
  };
};
