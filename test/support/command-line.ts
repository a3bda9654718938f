/** `restante`, from its source: within the test, as a program with pipes, or on a terminal of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { main } from "../../src/command-line/main.ts";
import { API_KEY } from "./credentials.ts";
import { Signal } from "./signal.ts";
import { projectDir } from "./worker-config.ts";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  readonly folder?: string;
}

const program = join(projectDir, "src/command-line/restante.ts");

export class CommandLine {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** To its end, within this process: a machine takes a second for a new one. It has no terminal. */
  async run(args: readonly string[], { env, input, folder = projectDir }: RunOptions = {}): Promise<Ended> {
    const [stdout, stderr] = [new Heard(), new Heard()];
    const code = await main(args, {
      stdin: Readable.from(input === undefined ? [] : [input]),
      ...{ stdout, stderr, folder },
      env: this.#environment(env),
      onInterrupt: () => {},
    });
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  /** What it prints as JSON, a line each; it must end well and say nothing else. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape of a line is for its test to assert
  async json(...args: readonly string[]): Promise<any[]> {
    const { code, stdout, stderr } = await this.run([...args, "--json"]);
    if (code !== 0) throw new Error(`restante ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  /** As a program, with pipes in place of a terminal. */
  start(args: readonly string[], { env, input, folder: cwd = projectDir }: RunOptions = {}): Running {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: this.#environment(env), stdio: "pipe" });
    child.stdin.end(input ?? "");
    return new Running(child);
  }

  /** On a terminal, of `script`'s: both outputs are one there, with what moves the cursor. */
  onTerminal(args: readonly string[], { env, folder: cwd = projectDir }: RunOptions = {}): Running {
    const words = [process.execPath, program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
    const line = `stty cols 100; exec ${words.join(" ")}`;
    // BSD's, which macOS has, takes the command as words.
    const how = process.platform === "darwin" ? ["-q", "/dev/null", "sh", "-c", line] : ["-qefc", line, "/dev/null"];
    const child = spawn("script", how, {
      cwd,
      env: { ...this.#environment(env), TERM: "xterm" },
      stdio: "pipe",
    });
    return new Running(child);
  }

  #environment(more: RunOptions["env"] = {}): NodeJS.ProcessEnv {
    const { PATH, HOME, TZ } = process.env;
    return { PATH, HOME, TZ, RESTANTE_URL: this.#url, RESTANTE_API_KEY: API_KEY, ...more };
  }
}

class Heard extends PassThrough {
  text = "";

  constructor() {
    super();
    this.on("data", (chunk: Buffer) => {
      this.text += chunk;
    });
  }
}

/** One that runs, awaited by what it says. */
class Running {
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #signal = new Signal();
  #isOver = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    running.add(child);
    child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk;
      this.#signal.tell();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk;
      this.#signal.tell();
    });
    this.ended = new Promise((done) => {
      child.once("close", (code) => {
        running.delete(child);
        this.#isOver = true;
        this.#signal.tell();
        done({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  says(pattern: RegExp, deadlineMs = 15_000): Promise<RegExpExecArray> {
    return this.#signal.until(() => pattern.exec(this.stdout) ?? pattern.exec(this.stderr) ?? undefined, {
      what: String(pattern),
      deadlineMs,
      over: () => (this.#isOver ? "it has ended" : undefined),
      instead: () => `it said:\n${this.stdout}\n${this.stderr}`,
    });
  }

  /** On a terminal: what a person types; Ctrl-C is `\u0003`. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
