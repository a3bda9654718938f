/** Who is measured: servers on this machine, each with what it promises, and how to talk to it. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { startRuntime } from "../support/runtime.ts";

/** Of a server: what its processor time and memory are asked of. */
export interface Process {
  readonly pid: number;
}

export interface Contender extends Process {
  readonly name: string;
  /** What a reply rests on. */
  readonly durable: string;
  readonly port: number;
  /** Headers of a send. */
  readonly headers: Readonly<Record<string, string>>;
  socketUrl(user: string): Promise<string>;
  stop(): Promise<void>;
}

const beside = (file: string): string => new URL(file, import.meta.url).pathname;

/** `monitored`: false switches monitoring off (M1). */
export const ours = async (entry?: string, monitored = true): Promise<Contender> => {
  // A reader that acks each message by itself is beyond what clients usually may.
  const runtime = await startRuntime({
    ...(entry === undefined ? {} : { entry }),
    vars: { CLIENT_FRAMES_PER_SECOND: "10000", MONITORING: monitored ? "on" : "off" },
  });
  const { port } = runtime;
  return {
    name:
      entry === undefined
        ? monitored
          ? "Restante"
          : "Restante, MONITORING off"
        : "the same door, an object that stores nothing",
    durable: entry === undefined ? "on the disk (SQLite, synced)" : "no",
    port,
    pid: runtime.pid,
    headers: { authorization: `Bearer ${API_KEY}` },
    socketUrl: async (user) => `ws://127.0.0.1:${port}/v1/socket?access_token=${await mintLocally(user)}`,
    stop: () => runtime.stop(),
  };
};

export const sameDoor = (): Promise<Contender> => ours(beside("./same-door.ts"));

const bare = async (file: string, name: string, durable: string): Promise<Contender> => {
  const runtime = await startRuntime({ entry: beside(file) });
  const { port } = runtime;
  return {
    name,
    durable,
    port,
    pid: runtime.pid,
    headers: {},
    socketUrl: async (user) => `ws://127.0.0.1:${port}/v1/socket?user=${user}`,
    stop: () => runtime.stop(),
  };
};

export const forwarder = (): Promise<Contender> =>
  bare("./forwarder.ts", "bare forwarder in workerd (the floor)", "no");

export const rowEach = (): Promise<Contender> =>
  bare("./row-each.ts", "the forwarder with an INSERT for each message", "on the disk (SQLite, synced)");

export const nodeSqlite = async (): Promise<Contender> => {
  const dir = await mkdtemp(join(tmpdir(), "bench-"));
  const child = spawn(process.execPath, ["--no-warnings", beside("./node-sqlite.ts"), join(dir, "messages.db")]);
  const port = await new Promise<number>((done) => child.stdout.once("data", (text) => done(Number(text))));
  return {
    name: "Node + SQLite, synchronous=FULL",
    durable: "on the disk (SQLite, synced)",
    port,
    pid: child.pid ?? 0,
    headers: {},
    socketUrl: async (user) => `ws://127.0.0.1:${port}/v1/socket?user=${user}`,
    stop: async () => {
      child.kill("SIGKILL");
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

/** Processor time that a process and those under it have used, in milliseconds. */
export const cpuMs = ({ pid }: Process): number => {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (fields === undefined) continue;
    parents.set(Number(name), Number(fields[1]));
    ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
  }
  const isUnder = (child: number | undefined): boolean =>
    child === pid || (child !== undefined && isUnder(parents.get(child)));
  const sum = [...ticks].reduce((sum, [child, used]) => (isUnder(child) ? sum + used : sum), 0);
  // In ticks, of which Linux says that there are 100 a second.
  return sum * 10;
};

/** The fields of a process after its name; undefined where it has ended. */
const statOf = (pid: string): readonly string[] | undefined => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ");
  } catch {
    return undefined;
  }
};

/** Memory that a process has in use, in kilobytes. */
export const residentKb = ({ pid }: Process): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
