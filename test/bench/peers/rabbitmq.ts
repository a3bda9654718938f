/**
 * RabbitMQ: persistent messages to a durable queue of the user's, published with confirms and consumed with acks, over AMQP 0-9-1.
 * Once to a classic queue, as one gets it by default, and once to a quorum queue. Both sync before they confirm, many messages at once where
 * there are: the one its index's journal, the other its Raft log (3.10, traced: each confirm follows an fsync or fdatasync).
 */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { MESSAGE } from "../measures.ts";
import { openWire } from "./packets.ts";
import type { Installable, Peer, PeerReader, PeerSender, Started } from "./peer.ts";
import { freePort, newDir, startProcess } from "./server-process.ts";

/** Debian's command changes to the user of its service; this is the server's own script, which leaves us who we are. */
const SCRIPT = "/usr/lib/rabbitmq/bin/rabbitmq-server";

export const rabbitMq: Installable = {
  name: "RabbitMQ",
  install: "apt-get install rabbitmq-server",
  isInstalled: () => existsSync(SCRIPT),
  start: async () => {
    const [dir, port, distPort, epmdPort] = [newDir(), await freePort(), await freePort(), await freePort()];
    writeFileSync(join(dir, "rabbitmq.conf"), "log.console = false\n");
    writeFileSync(join(dir, "plugins"), "[].\n");
    const env = {
      HOME: dir,
      ERL_EPMD_PORT: String(epmdPort),
      RABBITMQ_NODENAME: "bench@localhost",
      RABBITMQ_MNESIA_BASE: join(dir, "mnesia"),
      RABBITMQ_LOG_BASE: join(dir, "log"),
      RABBITMQ_CONFIG_FILE: join(dir, "rabbitmq"),
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, "plugins"),
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distPort),
      // The script becomes the virtual machine, and does not only start it.
      RUNNING_UNDER_SYSTEMD: "1",
    };
    // Erlang's name server is a daemon of its own, and outlives its nodes.
    process.on("exit", () =>
      spawnSync("epmd", ["-kill"], { env: { ...process.env, ERL_EPMD_PORT: String(epmdPort) } }),
    );
    const server = await startProcess({ command: SCRIPT, args: [], env, port, dir });
    const version = (await openChannel(port)).close();
    const peer = (type: "classic" | "quorum", durable: string): Peer => ({
      name: `RabbitMQ, ${type} queue`,
      durable,
      isSynced: true,
      holdsBacklog: true,
      pid: server.pid,
      prepare: async (user) => {
        const channel = await openChannel(port);
        await channel.declare(user, type);
        channel.close();
      },
      sender: (user, confirmed) => senderTo(port, user, confirmed),
      reader: (user) => readerOf(port, user),
    });
    return {
      version: `RabbitMQ ${version}`,
      peers: [peer("classic", "on the disk (journal, synced)"), peer("quorum", "on the disk (Raft log, synced)")],
      stop: () => server.stop(),
    } satisfies Started;
  },
};

// Classes and methods of AMQP 0-9-1, as one number: 256 · class + method.
const method = (classId: number, methodId: number): number => classId * 256 + methodId;
const START_OK = method(10, 11);
const TUNE_OK = method(10, 31);
const OPEN = method(10, 40);
const CHANNEL_OPEN = method(20, 10);
const DECLARE = method(50, 10);
const QOS = method(60, 10);
const CONSUME = method(60, 20);
const PUBLISH = method(60, 40);
const DELIVER = method(60, 60);
const ACK = method(60, 80);
const NACK = method(60, 120);
const CONFIRM_SELECT = method(85, 10);

const u8 = (n: number): Buffer => Buffer.from([n]);
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
const u32 = (n: number): Buffer => Buffer.concat([u16(n >>> 16), u16(n & 65_535)]);
const short = (text: string): Buffer => Buffer.concat([u8(text.length), Buffer.from(text)]);
const long = (text: string | Buffer): Buffer => Buffer.concat([u32(text.length), Buffer.from(text)]);
const NO_TABLE = u32(0);
const frame = (type: number, channel: number, payload: Buffer): Buffer =>
  Buffer.concat([u8(type), u16(channel), u32(payload.length), payload, u8(0xce)]);
const call = (channel: number, what: number, ...args: readonly Buffer[]): Buffer =>
  frame(1, channel, Buffer.concat([u16(Math.floor(what / 256)), u16(what % 256), ...args]));

interface Channel {
  /** The server's version. */
  close(): string;
  declare(queue: string, type: "classic" | "quorum"): Promise<void>;
  /** A call with a reply. */
  ask(what: number, ...args: readonly Buffer[]): Promise<Buffer>;
  write(bytes: Buffer): void;
}

interface Heard {
  readonly method?: (what: number, args: Buffer) => void;
  readonly body?: (body: Buffer) => void;
  readonly taken?: (socket: Socket) => void;
}

const openChannel = async (port: number, heard: Heard = {}): Promise<Channel> => {
  let replied: ((args: Buffer) => void) | undefined;
  let failed: (error: Error) => void = () => {};
  const socket = await openWire(port, {
    lengthOf: (bytes, at) => (at + 7 > bytes.length ? undefined : bytes.readUInt32BE(at + 3) + 8),
    take: (packet) => {
      const type = packet[0];
      if (type === 3) heard.body?.(packet.subarray(7, -1));
      if (type !== 1) return;
      const what = method(packet.readUInt16BE(7), packet.readUInt16BE(9));
      const args = packet.subarray(11, -1);
      if (what === DELIVER || what === ACK || what === NACK) return heard.method?.(what, args);
      // Both close in the same place, and say why.
      if (what === method(10, 50) || what === method(20, 40)) failed(new Error(args.toString("latin1", 3)));
      replied?.(args);
    },
    ...(heard.taken === undefined ? {} : { taken: heard.taken }),
  });
  const reply = (bytes: Buffer): Promise<Buffer> =>
    new Promise((done, fail) => {
      replied = done;
      failed = fail;
      socket.write(bytes);
    });
  const ask = (what: number, ...args: readonly Buffer[]) => reply(call(1, what, ...args));
  const start = await reply(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
  const tune = await reply(call(0, START_OK, NO_TABLE, short("PLAIN"), long("\0guest\0guest"), short("en_US")));
  // As much as the server offers, without heartbeats.
  socket.write(call(0, TUNE_OK, tune.subarray(0, 6), u16(0)));
  await reply(call(0, OPEN, short("/"), short(""), u8(0)));
  await ask(CHANNEL_OPEN, short(""));
  return {
    ask,
    write: (bytes) => void socket.write(bytes),
    declare: async (queue, type) => {
      const DURABLE = 2;
      const args = Buffer.concat([short("x-queue-type"), Buffer.from("S"), long(type)]);
      await ask(DECLARE, u16(0), short(queue), u8(DURABLE), long(args));
    },
    close: () => {
      socket.destroy();
      return /version[^\d]*([\d.]+)/.exec(start.toString("latin1"))?.[1] ?? "?";
    },
  };
};

const senderTo = async (port: number, user: string, confirmed: (count: number) => void): Promise<PeerSender> => {
  let last = 0;
  const alone = new Set<number>();
  const channel = await openChannel(port, {
    method: (what, args) => {
      if (what === NACK) throw new Error("RabbitMQ refused a message.");
      const tag = args.readUInt32BE(4);
      const isAllUpToIt = args[8] === 1;
      if (!isAllUpToIt) {
        if (tag === last + 1) last = tag;
        else alone.add(tag);
        return confirmed(1);
      }
      // Some up to it may have been confirmed alone.
      const before = [...alone].filter((one) => one <= tag);
      for (const one of before) alone.delete(one);
      confirmed(tag - last - before.length);
      last = tag;
    },
  });
  await channel.ask(CONFIRM_SELECT, u8(0));
  const body = Buffer.from(JSON.stringify(MESSAGE));
  const PERSISTENT = Buffer.concat([u16(0x1000), u8(2)]);
  const message = Buffer.concat([
    call(1, PUBLISH, u16(0), short(""), short(user), u8(0)),
    frame(2, 1, Buffer.concat([u16(60), u16(0), u32(0), u32(body.length), PERSISTENT])),
    frame(3, 1, body),
  ]);
  return {
    publish: (count) => channel.write(Buffer.concat(Array(count).fill(message))),
    close: () => void channel.close(),
  };
};

/** How many may be on their way: what ours allows. */
const PREFETCH = 256;

const readerOf = async (port: number, user: string): Promise<PeerReader> => {
  let received = 0;
  let acked = 0;
  const channel = await openChannel(port, {
    body: (body) => {
      JSON.parse(body.toString());
      received += 1;
    },
    taken: (socket) => {
      if (received === acked) return;
      acked = received;
      // Delivery tags count from 1 on a channel, and one ack takes all up to it.
      socket.write(call(1, ACK, u32(0), u32(acked), u8(1)));
    },
  });
  await channel.ask(QOS, u32(0), u16(PREFETCH), u8(0));
  await channel.ask(CONSUME, u16(0), short(user), short(""), u8(0), NO_TABLE);
  return {
    get received() {
      return received;
    },
    close: () => void channel.close(),
  };
};
