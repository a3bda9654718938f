import { type ChildProcess, spawn } from "node:child_process";
import { Signal } from "./signal.ts";

/**
 * How this machine reaches a registry, and whom it trusts there. It stands in the environment, or npm has put it there from its files for
 * whatever it runs; a global npmrc is found beside the Node in use, so not by an npm that runs on another one.
 */
const waysOut =
  /^(NODE_EXTRA_CA_CERTS|npm_config_(registry|cafile|ca|strict_ssl|(https?_|no)?proxy|cache|userconfig))$/;

/** What a person's new terminal has: nothing else of npm's or the test runner's, and the machine's own Node. */
const freshEnvironment = (): NodeJS.ProcessEnv => {
  const kept = Object.entries(process.env).filter(
    ([name]) => waysOut.test(name) || !/^(npm_|INIT_CWD$|NODE$|NODE_|VITEST|TEST$|FORCE_COLOR$)/.test(name),
  );
  const path = (process.env.PATH ?? "").split(":").filter((dir) => !/node_modules\/\.bin$|node-gyp-bin$/.test(dir));
  return { ...Object.fromEntries(kept), PATH: path.join(":") };
};

/**
 * A script in a fresh bash, as somebody would paste it; awaited by what it says.
 *
 * ```ts
 * const shell = new Shell("npm start", { cwd });
 * await shell.says(/answers on/, 60_000);
 * await shell.end();
 * ```
 */
export class Shell {
  /** Everything on stdout and stderr so far. */
  output = "";
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #signal = new Signal();
  #isOver = false;

  constructor(script: string, options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> }) {
    this.#child = spawn("bash", ["-c", script], {
      cwd: options.cwd,
      env: { ...freshEnvironment(), ...options.env },
      stdio: "pipe",
      // A group of its own, as in a terminal: a signal reaches all that it started.
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk;
        this.#signal.tell();
      });
    }
    running.add(this);
    this.exited = new Promise((done) => {
      this.#child.once("close", (code) => {
        this.#isOver = true;
        running.delete(this);
        this.#signal.tell();
        done(code);
      });
    });
  }

  /** Awaits the pattern in the output from position `from` on, and returns its match. */
  says(pattern: RegExp, deadlineMs: number, from = 0): Promise<RegExpExecArray> {
    return this.#signal.until(() => pattern.exec(this.output.slice(from)) ?? undefined, {
      what: String(pattern),
      deadlineMs,
      over: () => (this.#isOver ? "it has ended" : undefined),
      instead: () => `it said:\n${this.output}`,
    });
  }

  /** Awaits its end, and returns its code; what has not ended by then is killed, and fails with what it said. */
  async ends(deadlineMs: number): Promise<number | null> {
    let isLate = false;
    const deadline = setTimeout(() => {
      isLate = true;
      this.kill("SIGKILL");
    }, deadlineMs);
    const code = await this.exited;
    clearTimeout(deadline);
    if (isLate) throw new Error(`it has not ended in ${deadlineMs} ms:\n${this.output}`);
    return code;
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Signals it and all that it started, as Ctrl-C does; awaits the end. */
  async end(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    this.kill(signal);
    return this.exited;
  }

  /** Signals only the process that the script itself became or started first. */
  async endFirst(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.exited;
  }

  kill(signal: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
    } catch {
      // It has ended already.
    }
  }
}

/** Whatever way the tests end, no shell outlives them. */
const running = new Set<Shell>();
process.on("exit", () => {
  for (const shell of running) shell.kill("SIGKILL");
});
