/** The networks of those who have a bad one: faults one after another, or a line that stands still and then is slow. */
import { FaultyProxy } from "../proofs/faulty-proxy.ts";
import { FAULT_KINDS, FAULTS } from "../proofs/network-faults.ts";
import { count } from "../proofs/reception.ts";
import type { Random } from "../support/random.ts";
import type { Loops } from "./loops.ts";

const KINDS = FAULT_KINDS.filter((kind) => kind !== "server killed");

export class Networks {
  /** How often each fault struck. */
  readonly faults = new Map<string, number>();
  readonly #serverPort: number;
  readonly #loops: Loops;
  readonly #say: (what: string) => void;
  readonly #proxies: FaultyProxy[] = [];

  constructor(serverPort: number, loops: Loops, say: (what: string) => void) {
    this.#serverPort = serverPort;
    this.#loops = loops;
    this.#say = say;
  }

  /** Its URL. */
  async bad(user: string, random: Random): Promise<string> {
    const proxy = await this.#proxy();
    this.#loops.add(async () => {
      await this.#loops.pause(random.int(500, 6_000));
      const kind = random.pick(KINDS);
      const hit = await FAULTS[kind]({ proxy, random, restartServer: () => Promise.resolve() });
      if (hit) count(this.faults, kind);
      this.#say(`${user}: ${kind}`);
    });
    return proxy.url;
  }

  /** Stands still for up to three times as long as acks may take, and then is slow for a while. */
  async slow(ackTimeoutMs: number, random: Random): Promise<string> {
    const proxy = await this.#proxy();
    this.#loops.add(async () => {
      proxy.freeze();
      await this.#loops.pause(random.int(1_000, 3 * ackTimeoutMs));
      proxy.thaw();
      count(this.faults, "line that stood still");
      proxy.bytesPerTick = random.int(500, 5_000);
      await this.#loops.pause(random.int(2_000, 8_000));
    });
    return proxy.url;
  }

  /** All of them are good again. */
  settle(): void {
    for (const proxy of this.#proxies) {
      proxy.thaw();
      proxy.delayMs = 0;
      proxy.bytesPerTick = undefined;
      proxy.judge = () => "pass";
      // What was forgotten stays so: those who are on it are to come back.
      proxy.cut("reset");
    }
  }

  stop(): void {
    for (const proxy of this.#proxies) proxy.stop();
  }

  async #proxy(): Promise<FaultyProxy> {
    const proxy = await FaultyProxy.start(this.#serverPort);
    this.#proxies.push(proxy);
    return proxy;
  }
}
