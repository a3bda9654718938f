/** A server of this machine's packages, on a free port and in a directory of its own, both gone when it stops. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Servers' folders are not always on a user's path. */
const FOLDERS = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

export const programOf = (name: string): string | undefined =>
  FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));

export const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer().once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(address !== null && typeof address === "object" ? address.port : 0));
    });
  });

export interface ServerProcess {
  readonly pid: number;
  stop(): Promise<void>;
}

interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens once it is ready. */
  readonly port: number;
  readonly dir: string;
}

/** RabbitMQ takes some 6 s on a quiet machine. */
const START_DEADLINE_MS = 60_000;

export const newDir = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  dirs.add(dir);
  return dir;
};

export const startProcess = async ({ command, args, env = {}, port, dir }: ServerCommand): Promise<ServerProcess> => {
  const log = join(dir, "log.txt");
  const out = openSync(log, "w");
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd: dir, stdio: ["ignore", out, out] });
  children.add(child);
  const ended = new Promise<void>((done) => child.once("exit", () => done()).once("error", () => done()));
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await isListening(port))) {
    if (child.exitCode === null && child.pid !== undefined && performance.now() < deadline) continue;
    child.kill("SIGKILL");
    throw new Error(`${command} did not start:\n${readFileSync(log, "utf8")}`);
  }
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
      children.delete(child);
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
      dirs.delete(dir);
    },
  };
};

const isListening = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const answer = (is: boolean) => setTimeout(() => done(is), is ? 0 : 50);
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      answer(true);
    });
    socket.once("error", () => answer(false));
  });

/** Whatever way the run ends, nothing of it stays. */
const children = new Set<ChildProcess>();
const dirs = new Set<string>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});
