/** The console as a deployment serves it: its files with their headers, and behind them the Worker, on one origin. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { CONSOLE_HEADERS, makeConsole } from "../../src/operate/console-page.ts";

export interface ConsoleSite {
  readonly origin: string;
  stop(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".map": "application/json",
};

const headers = Object.fromEntries(
  CONSOLE_HEADERS.split("\n").flatMap((line) => {
    const [, name, value] = /^\s+([\w-]+): (.+)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  }),
);

/** `port`: where the Worker answers; it may go and come back. */
export const startConsoleSite = async (port: () => number): Promise<ConsoleSite> => {
  const folder = mkdtempSync(join(tmpdir(), "restante-console-"));
  await makeConsole(folder);
  const server = createServer((asked, answer) => {
    const path = new URL(asked.url ?? "/", "http://site").pathname;
    if (path === "/console" || path.startsWith("/console/")) {
      const file = path === "/console" ? "console.html" : path;
      answer.writeHead(200, { ...headers, "content-type": TYPES[extname(file)] ?? "" });
      answer.end(readFileSync(join(folder, file)));
      return;
    }
    const { method, url, headers: given } = asked;
    const passed = request({ port: port(), host: "127.0.0.1", method, path: url, headers: given }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
      reply.on("error", () => answer.destroy());
    });
    // As where nobody answers: the page sees a connection that breaks.
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  await new Promise<void>((done) => server.listen(0, "localhost", done));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
