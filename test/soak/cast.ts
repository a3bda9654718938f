/** Who receives in the soak, over what, and who sends to whom. */
import { eventually } from "../proofs/clock.ts";
import type { Carrying } from "../proofs/reception.ts";
import type { Random } from "../support/random.ts";
import { Book } from "./book.ts";
import { type Device, ReaderDevice } from "./devices.ts";
import { InboxDevice } from "./inbox-device.ts";
import type { Loops } from "./loops.ts";
import type { Networks } from "./networks.ts";
import type { Objects } from "./objects.ts";
import type { Producers } from "./producers.ts";
import type { Senders } from "./senders.ts";

const SLEEPERS = ["sleeper-0", "sleeper-1", "sleeper-2", "sleeper-3", "sleeper-4"];
/** Longer than it takes to fall asleep. */
const QUIET_MS = [14_000, 40_000] as const;
const START_MS = 60_000;

/** Users with a good connection on whom vandals may try themselves, by the device whose tabs they play. */
export const VANDALISED = ["busy-0", "busy-1", "commuter-0"] as const;
export const DEVICE = "phone";

export interface Stage {
  readonly url: string;
  readonly run: string;
  readonly random: Random;
  readonly loops: Loops;
  readonly networks: Networks;
  readonly objects: Objects;
  readonly ackTimeoutMs: number;
}

export class Cast {
  readonly books = new Map<string, Book>();
  readonly devices: Device[] = [];
  readonly #stage: Stage;
  #away: ReaderDevice | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  isConnected(user: string): boolean {
    return this.devices.some((device) => device.user === user && device.isConnected);
  }

  /** Everybody is there once before anything is sent; so all of it is theirs. One then leaves until the end. */
  async gather(): Promise<void> {
    const { networks, random, ackTimeoutMs } = this.#stage;
    for (const user of ["busy-0", "busy-1"]) {
      this.#inbox(user, DEVICE, "WebSocket of Node");
      this.#reader(user, "laptop", true);
      await this.#met(user);
    }
    this.#inbox("direct-0", DEVICE, "WebSocket of ws");
    await this.#met("direct-0");
    for (const [user, carrying] of [
      ["commuter-0", "WebSocket of Node"],
      ["commuter-1", "event stream"],
    ] as const) {
      this.#inbox(user, DEVICE, carrying, await networks.bad(user, random.fork()));
      this.#reader(user, "watch", true, { url: await networks.bad(user, random.fork()) });
      await this.#met(user);
    }
    const tabs = [
      this.#reader("tabs-0", DEVICE, false, { ackLagMs: 100 }),
      this.#reader("tabs-0", DEVICE, false),
    ] as const;
    this.#inbox("tabs-0", "laptop", "WebSocket of ws");
    await this.#met("tabs-0");
    for (const user of SLEEPERS) {
      this.#inbox(user, DEVICE, "WebSocket of Node");
      if (user === "sleeper-2") this.#inbox(user, "tablet", "event stream");
      await this.#met(user);
    }
    this.#reader("slow-0", DEVICE, true, { url: await networks.slow(ackTimeoutMs, random.fork()) });
    this.#inbox("slow-0", "laptop", "WebSocket of Node");
    await this.#met("slow-0");
    this.#away = this.#reader("away-0", DEVICE, true);
    await this.#met("away-0");
    await this.#away.stop();
    this.#book("later-0");
    this.#comeAndGo(tabs);
  }

  hire(senders: Senders, producers: Producers): void {
    const { random, objects } = this.#stage;
    const busy = ["busy-0", "busy-0", "busy-1", "commuter-0", "commuter-1", "tabs-0", "slow-0"];
    const everybody = [...busy, ...busy, "away-0", "later-0"].map((user) => this.#book(user));
    for (let sender = 0; sender < 4; sender += 1) {
      const own = random.fork();
      senders.addBackend(() => own.pick(everybody), own, 30);
    }
    senders.addWaiting(this.#book("direct-0"), random.fork(), () => objects.stampOf("direct-0"));
    for (const user of SLEEPERS) senders.addRare(this.#book(user), random.fork(), QUIET_MS);
    for (const user of ["busy-1", "commuter-0", "commuter-1", "away-0"])
      producers.addFrames(this.#book(user), random.fork(), user === "away-0" ? 2_000 : 300);
    for (const user of ["busy-0", "commuter-0", "tabs-0", "away-0"])
      producers.addStreams(this.#book(user), random.fork(), user === "away-0" ? 3_000 : 1_000);
  }

  /** At the end the one comes back who left at the beginning, and one comes for the first time. */
  complete(): void {
    this.#away?.resume();
    this.#reader("later-0", "late", true);
  }

  /** `at` where it is not the server itself. */
  #inbox(user: string, name: string, carrying: Carrying, at = this.#stage.url): void {
    this.devices.push(new InboxDevice(at, this.#book(user), name, carrying));
  }

  #reader(
    user: string,
    device: string,
    remembers: boolean,
    more: { readonly url?: string; readonly ackLagMs?: number } = {},
  ): ReaderDevice {
    const { url, random } = this.#stage;
    this.#book(user);
    const made = new ReaderDevice({ url, user, device, remembers, random: random.fork(), ...more });
    this.devices.push(made);
    return made;
  }

  /** One user after another, so that each is known by the database that is new. */
  async #met(user: string): Promise<void> {
    const own = this.devices.filter((device) => device.user === user);
    await eventually(`${user} is there`, () => own.every(({ isConnected }) => isConnected), START_MS);
    this.#stage.objects.meet(user);
  }

  #comeAndGo(readers: readonly ReaderDevice[]): void {
    const { loops, random } = this.#stage;
    const own = random.fork();
    loops.add(async () => {
      own.pick(readers).away(own.int(200, 3_000), own.chance(0.5));
      await loops.pause(own.int(500, 3_000));
    });
  }

  #book(user: string): Book {
    const book = this.books.get(user) ?? new Book(user, this.#stage.run);
    this.books.set(user, book);
    return book;
  }
}
