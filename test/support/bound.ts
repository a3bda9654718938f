/** Two Workers in one workerd, as two deployments of an account are: the service, and one that is bound to it. */
import { fileURLToPath } from "node:url";
import { Connection } from "./connection.ts";
import { mintLocally } from "./credentials.ts";
import { type Runtime, type RuntimeOptions, startRuntime } from "./runtime.ts";

export const worker = (name: string): string =>
  fileURLToPath(new URL(`../e2e/bound-workers/${name}.ts`, import.meta.url));

const running: Runtime[] = [];
export const start = async (bound: string, options: RuntimeOptions = {}): Promise<Runtime> => {
  const runtime = await startRuntime({ bound: worker(bound), ...options });
  running.push(runtime);
  return runtime;
};
export const stopAll = () => Promise.all(running.map((runtime) => runtime.stop()));

export const connect = async (runtime: Runtime, user: string): Promise<Connection> =>
  Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });

interface Probe {
  readonly by: "rpc" | "sdk";
  readonly method: string;
  readonly args: readonly unknown[];
  /** Stands for every "<here>" in the arguments; see bound-workers/probe.ts. */
  readonly here?: string;
  readonly signal?: AbortSignal;
}
// biome-ignore lint/suspicious/noExplicitAny: the shape of an answer is for its test to assert
type Told = { readonly value?: any; readonly error?: any; readonly thrown?: string };

export const probe = async (runtime: Runtime, { signal, ...asked }: Probe): Promise<Told> => {
  const init = { method: "POST", body: JSON.stringify(asked), ...(signal === undefined ? {} : { signal }) };
  return (await fetch(runtime.boundUrl, init)).json() as Promise<Told>;
};
