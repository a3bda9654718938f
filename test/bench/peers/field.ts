/** The other systems of the field: which of them are installed here, and how to get the others. */
import { mosquitto } from "./mosquitto.ts";
import { nats } from "./nats.ts";
import type { Peer } from "./peer.ts";
import { rabbitMq } from "./rabbitmq.ts";
import { socketIo } from "./socket-io.ts";

export interface Field {
  readonly peers: readonly Peer[];
  readonly versions: readonly string[];
  /** What is not measured, and why. */
  readonly missing: readonly string[];
  stop(): Promise<void>;
}

/** `inHaste`: without RabbitMQ, which takes half a minute to start. */
export const startField = async (only: RegExp, inHaste: boolean, note: (text: string) => void): Promise<Field> => {
  const all = [mosquitto, nats, ...(inHaste ? [] : [rabbitMq]), socketIo];
  const known = all.filter(({ name }) => only.test(name));
  const absent = known.filter((one) => !one.isInstalled());
  const missing = absent.map(({ name, install }) => `${name} is not installed: \`${install}\`.`);
  for (const line of missing) note(line);
  const installed = known.filter((one) => one.isInstalled());
  note(`starting ${installed.map(({ name }) => name).join(", ")}`);
  const started = await Promise.all(installed.map((one) => one.start()));
  return {
    peers: started.flatMap(({ peers }) => peers),
    versions: started.map(({ version }) => version),
    missing: [...missing, ...started.flatMap(({ lacks }) => lacks ?? [])],
    stop: async () => {
      for (const one of started) await one.stop();
    },
  };
};
