/** The demo as `npm start` serves it, on a copy of the project with secrets and data of its own. */
import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { freshClone } from "../support/fresh-clone.ts";
import { shellIn } from "../support/packed.ts";
import { projectDir } from "../support/worker-config.ts";

export interface DemoServer {
  readonly origin: string;
  /** An API key of it. */
  readonly key: string;
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 60_000;

/** `options` are those of `npm start --`. Not npm itself: it would look after the packages, which are others' here. */
export const startDemoServer = async (options = ""): Promise<DemoServer> => {
  const clone = freshClone();
  symlinkSync(join(projectDir, "node_modules"), join(clone, "node_modules"));
  const port = await freePort();
  const server = shellIn(clone, `node src/operate/start.ts --port ${port} --persist-to state ${options}`);
  await server.says(/answers on/, START_DEADLINE_MS);
  return {
    origin: `http://localhost:${port}`,
    key: /^RESTANTE_API_KEY=(.+)$/m.exec(readFileSync(join(clone, ".dev.vars"), "utf8"))?.[1] ?? "",
    stop: async () => {
      await server.end();
      rmSync(clone, { recursive: true, force: true });
    },
  };
};
