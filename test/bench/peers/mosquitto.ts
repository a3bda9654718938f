/**
 * Mosquitto: QoS 1 to a persistent session of the user's, over MQTT 3.1.1.
 *
 * It cannot sync before it confirms. It keeps everything in memory and saves all of it at once: by default every 30 minutes. With
 * `autosave_on_changes` it saves after each round of its loop, and syncs, but the PUBACKs of that round have gone by then (2.0, traced), and
 * what it saves is each time everything: nothing that one would run.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { MESSAGE } from "../measures.ts";
import { openWire } from "./packets.ts";
import type { Installable, Peer, PeerReader, PeerSender } from "./peer.ts";
import { freePort, newDir, programOf, startProcess } from "./server-process.ts";

export const mosquitto: Installable = {
  name: "Mosquitto",
  install: "apt-get install mosquitto",
  isInstalled: () => programOf("mosquitto") !== undefined,
  start: async () => {
    const command = programOf("mosquitto") ?? "";
    const [dir, port] = [newDir(), await freePort()];
    const config = join(dir, "mosquitto.conf");
    writeFileSync(config, [...SETTINGS, `listener ${port} 127.0.0.1`, `persistence_location ${dir}/`].join("\n"));
    const server = await startProcess({ command, args: ["-c", config], port, dir });
    const peer: Peer = {
      name: "Mosquitto",
      durable: "no: in memory, saved every 30 min",
      isSynced: false,
      holdsBacklog: true,
      pid: server.pid,
      prepare: async (user) => void (await subscribed(port, user)).destroy(),
      sender: (user, confirmed) => senderTo(port, user, confirmed),
      reader: (user) => readerOf(port, user),
    };
    // Asked for help it gives its version, and fails.
    const version = /version ([\d.]+)/.exec(outputOf(command))?.[1] ?? "?";
    return {
      version: `Mosquitto ${version}`,
      lacks: "Mosquitto cannot sync before it acks: all of its state is saved at once, after the acks.",
      peers: [peer],
      stop: () => server.stop(),
    };
  },
};

const outputOf = (command: string): string => {
  try {
    return String(execFileSync(command, ["-h"]));
  } catch (error) {
    return String((error as { readonly stdout?: Buffer }).stdout);
  }
};

const SETTINGS = [
  "allow_anonymous true",
  // Where root starts it, it would become a user who may not write here.
  "user root",
  "persistence true",
  // The default is 1,000, and drops the rest.
  "max_queued_messages 0",
  "set_tcp_nodelay true",
];

// The types of its packets, as the first byte has them.
const CONNECT = 0x10;
const CONNACK = 2;
const PUBLISH = 3;
const PUBLISH_QOS_1 = 0x32;
const PUBACK = 4;
const SUBSCRIBE = 0x82;
const SUBACK = 9;

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

const packet = (first: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let left = body.length; length.length === 0 || left > 0; left = left >> 7) {
    length.push((left & 127) | (left > 127 ? 128 : 0));
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
};

/** Where a packet's body begins and ends: its length takes up to four bytes, seven bits each. */
const bodyOf = (bytes: Buffer, at: number): { readonly from: number; readonly to: number } | undefined => {
  let length = 0;
  for (let i = 0; i < 4; i += 1) {
    const byte = bytes[at + 1 + i];
    if (byte === undefined) return undefined;
    length |= (byte & 127) << (7 * i);
    if (byte < 128) return { from: at + 2 + i, to: at + 2 + i + length };
  }
  throw new Error("Not MQTT.");
};

interface Heard {
  readonly published?: (packet: Buffer) => void;
  readonly acked?: () => void;
  readonly taken?: (socket: Socket) => void;
}

const connected = async (port: number, clientId: string, isClean: boolean, heard: Heard = {}) => {
  let replied: () => void = () => {};
  const socket = await openWire(port, {
    lengthOf: (bytes, at) => {
      const body = bodyOf(bytes, at);
      return body && body.to - at;
    },
    take: (bytes) => {
      const type = (bytes[0] ?? 0) >> 4;
      if (type === PUBLISH) heard.published?.(bytes);
      else if (type === PUBACK) heard.acked?.();
      else if (type === CONNACK || type === SUBACK) replied();
    },
    ...(heard.taken === undefined ? {} : { taken: heard.taken }),
  });
  const ask = (bytes: Buffer) =>
    new Promise<void>((done) => {
      replied = done;
      socket.write(bytes);
    });
  await ask(packet(CONNECT, text("MQTT"), Buffer.from([4, isClean ? 2 : 0, 0, 0]), text(clientId)));
  return { socket, ask };
};

const subscribed = async (port: number, user: string, heard?: Heard): Promise<Socket> => {
  const { socket, ask } = await connected(port, user, false, heard);
  await ask(packet(SUBSCRIBE, Buffer.from([0, 1]), text(user), Buffer.from([1])));
  return socket;
};

const senderTo = async (port: number, user: string, confirmed: (count: number) => void): Promise<PeerSender> => {
  const { socket } = await connected(port, crypto.randomUUID(), true, { acked: () => confirmed(1) });
  const message = packet(PUBLISH_QOS_1, text(user), Buffer.from([0, 0]), Buffer.from(JSON.stringify(MESSAGE)));
  const idAt = (bodyOf(message, 0)?.from ?? 0) + text(user).length;
  let id = 0;
  return {
    publish: (count) => {
      const bytes = Buffer.alloc(message.length * count);
      for (let at = 0; at < bytes.length; at += message.length) {
        // A packet's id is not 0, and free again with its ack.
        id = (id % 65_535) + 1;
        message.copy(bytes, at);
        bytes.writeUInt16BE(id, at + idAt);
      }
      socket.write(bytes);
    },
    close: () => void socket.destroy(),
  };
};

const readerOf = async (port: number, user: string): Promise<PeerReader> => {
  let received = 0;
  let acks: Buffer[] = [];
  const { socket } = await connected(port, user, false, {
    published: (bytes) => {
      const at = bodyOf(bytes, 0)?.from ?? 0;
      const id = at + 2 + bytes.readUInt16BE(at);
      JSON.parse(bytes.toString("utf8", id + 2));
      acks.push(packet(PUBACK << 4, bytes.subarray(id, id + 2)));
      received += 1;
    },
    taken: (socket) => {
      if (acks.length > 0) socket.write(Buffer.concat(acks));
      acks = [];
    },
  });
  return {
    get received() {
      return received;
    },
    close: () => void socket.destroy(),
  };
};
