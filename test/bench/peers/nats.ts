/**
 * NATS JetStream: a stream in files, a durable consumer for the user, published with acks, over NATS's own protocol.
 *
 * Since 2.10 it can sync before it acks (`sync_interval: always`); before, it cannot be told when to sync, and does every two minutes (traced).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { MESSAGE } from "../measures.ts";
import { openWire } from "./packets.ts";
import type { Installable, Peer, PeerReader, PeerSender } from "./peer.ts";
import { freePort, newDir, programOf, type ServerProcess, startProcess } from "./server-process.ts";

export const nats: Installable = {
  name: "NATS JetStream",
  install: "apt-get install nats-server",
  isInstalled: () => programOf("nats-server") !== undefined,
  start: async () => {
    const command = programOf("nats-server") ?? "";
    const servers: ServerProcess[] = [];
    const peer = async (name: string, durable: string, sync: string): Promise<Peer | undefined> => {
      const [dir, port] = [newDir(), await freePort()];
      const config = join(dir, "nats.conf");
      writeFileSync(config, `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${dir}"\n${sync} }\n`);
      const isKnown = spawnSync(command, ["-t", "-c", config]).status === 0;
      if (!isKnown) return undefined;
      const server = await startProcess({ command, args: ["-c", config], port, dir });
      servers.push(server);
      await makeStream(port);
      return {
        name,
        durable,
        isSynced: sync !== "",
        holdsBacklog: true,
        pid: server.pid,
        prepare: async (user) => makeConsumer(port, user),
        sender: (user, confirmed) => senderTo(port, user, confirmed),
        reader: (user) => readerOf(port, user),
      };
    };
    const asItComes = await peer("NATS JetStream", "no: written, synced every 2 min", "");
    const synced = await peer("NATS JetStream, sync_interval: always", "on the disk (synced)", "sync_interval: always");
    const version = /v([\d.]+)/.exec(String(execFileSync(command, ["--version"])))?.[1] ?? "?";
    return {
      version: `NATS ${version}`,
      ...(synced === undefined && { lacks: `NATS ${version} cannot sync before it acks, nor be told when: 2.10 can.` }),
      peers: [asItComes, synced].filter((peer) => peer !== undefined),
      stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
    };
  },
};

const STREAM = "USERS";

interface Message {
  readonly subject: string;
  readonly reply: string;
  readonly payload: string;
}

interface Connection {
  write(text: string): void;
  publish(subject: string, reply: string, payload: string): void;
  /** A request to JetStream itself, and its answer. */
  ask(subject: string, request: unknown): Promise<void>;
  close(): void;
}

const END = "\r\n";

const opened = async (
  port: number,
  heard: (message: Message) => void,
  taken?: (socket: Socket) => void,
): Promise<Connection> => {
  let ready: () => void = () => {};
  let answered: (payload: string) => void = () => {};
  const inbox = `_INBOX.${crypto.randomUUID()}`;
  const socket = await openWire(port, {
    lengthOf: (bytes, at) => {
      const line = bytes.indexOf(END, at);
      if (line < 0) return undefined;
      // M for MSG: its line ends with how many bytes follow, and these with another line's end.
      if (bytes[at] !== 0x4d) return line + 2 - at;
      const size = Number(bytes.toString("latin1", bytes.lastIndexOf(0x20, line) + 1, line));
      return line + 2 + size + 2 - at;
    },
    take: (packet) => {
      const text = packet.toString();
      if (text.startsWith("PONG")) return ready();
      if (text.startsWith("PING")) return void socket.write(`PONG${END}`);
      if (text.startsWith("-ERR")) throw new Error(`NATS: ${text}`);
      if (!text.startsWith("MSG")) return;
      const line = text.indexOf(END);
      const [, subject = "", , ...rest] = text.slice(0, line).split(" ");
      const message = { subject, reply: rest.length > 1 ? (rest[0] ?? "") : "", payload: text.slice(line + 2, -2) };
      if (subject === inbox) answered(message.payload);
      else heard(message);
    },
    ...(taken === undefined ? {} : { taken }),
  });
  const write = (text: string) => void socket.write(text);
  const publish = (subject: string, reply: string, payload: string) =>
    write(`PUB ${subject} ${reply} ${Buffer.byteLength(payload)}${END}${payload}${END}`);
  await new Promise<void>((done) => {
    ready = done;
    write(`CONNECT {"verbose":false,"pedantic":false}${END}SUB ${inbox} 1${END}PING${END}`);
  });
  return {
    write,
    publish,
    ask: async (subject, request) => {
      const answer = await new Promise<string>((done) => {
        answered = done;
        publish(subject, inbox, JSON.stringify(request));
      });
      if (JSON.parse(answer).error !== undefined) throw new Error(`NATS: ${answer}`);
    },
    close: () => void socket.destroy(),
  };
};

const makeStream = async (port: number): Promise<void> => {
  const connection = await opened(port, () => {});
  await connection.ask(`$JS.API.STREAM.CREATE.${STREAM}`, { name: STREAM, subjects: ["users.*"], storage: "file" });
  connection.close();
};

const makeConsumer = async (port: number, user: string): Promise<void> => {
  const connection = await opened(port, () => {});
  const config = {
    durable_name: user,
    deliver_subject: `deliver.${user}`,
    filter_subject: `users.${user}`,
    // One ack takes all before it, as ours does.
    ack_policy: "all",
  };
  await connection.ask(`$JS.API.CONSUMER.DURABLE.CREATE.${STREAM}.${user}`, { stream_name: STREAM, config });
  connection.close();
};

const senderTo = async (port: number, user: string, confirmed: (count: number) => void): Promise<PeerSender> => {
  const connection = await opened(port, ({ payload: ack }) => {
    if (!ack.includes('"seq"')) throw new Error(`NATS: ${ack}`);
    confirmed(1);
  });
  const inbox = `acks.${crypto.randomUUID()}`;
  connection.write(`SUB ${inbox} 2${END}`);
  const payload = JSON.stringify(MESSAGE);
  const message = `PUB users.${user} ${inbox} ${payload.length}${END}${payload}${END}`;
  return { publish: (count) => connection.write(message.repeat(count)), close: () => connection.close() };
};

const readerOf = async (port: number, user: string): Promise<PeerReader> => {
  let received = 0;
  let toAck = "";
  const heard = ({ reply, payload }: Message) => {
    JSON.parse(payload);
    received += 1;
    toAck = reply;
  };
  const taken = (socket: Socket) => {
    if (toAck !== "") socket.write(`PUB ${toAck} 0${END}${END}`);
    toAck = "";
  };
  const connection = await opened(port, heard, taken);
  connection.write(`SUB deliver.${user} 2${END}`);
  return {
    get received() {
      return received;
    },
    close: () => connection.close(),
  };
};
