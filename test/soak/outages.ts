/** SIGKILLs and deploys: some in a row, and some so far apart that quiet users fall asleep in between. */
import { instant } from "../proofs/clock.ts";
import type { Random } from "../support/random.ts";
import type { Runtime } from "../support/runtime.ts";
import type { Objects } from "./objects.ts";

/** The first comes soon. */
const FIRST_MS = [2_000, 4_000] as const;
/** Who is quiet for 10 s after its acks were written, up to 2 s after a reconnect, sleeps. */
const APART_MS = { row: [50, 1_500], usual: [5_000, 14_000], long: [30_000, 45_000] } as const satisfies Record<
  string,
  readonly [number, number]
>;

export class Outages {
  kills = 0;
  deploys = 0;
  /** Those of them with sends that had no answer yet. */
  inFlight = { kills: 0, deploys: 0 };
  readonly #runtime: Runtime;
  readonly #objects: Objects;
  readonly #unanswered: () => number;
  readonly #say: (what: string) => void;

  constructor(runtime: Runtime, objects: Objects, unanswered: () => number, say: (what: string) => void) {
    this.#runtime = runtime;
    this.#objects = objects;
    this.#unanswered = unanswered;
    this.#say = say;
  }

  /** Grows with each: an end of a connection is no judgment then. */
  get count(): number {
    return this.kills + this.deploys;
  }

  /** One after another, until the instant. */
  async strike(until: number, random: Random): Promise<void> {
    let at = performance.now() + random.int(...FIRST_MS);
    while (at < until) {
      await instant(at);
      const kind = random.chance(0.35) ? "deploys" : "kills";
      this[kind] += 1;
      if (this.#unanswered() > 0) this.inFlight[kind] += 1;
      this.#say(kind);
      this.#objects.stopped();
      if (kind === "deploys") await this.#runtime.stop();
      else {
        await this.#runtime.kill();
        await instant(performance.now() + random.int(0, 800));
      }
      await this.#runtime.restart();
      this.#objects.restarted();
      this.#say("there again");
      const draw = random.next();
      const [least, most] = APART_MS[draw < 0.4 ? "row" : draw < 0.8 ? "usual" : "long"];
      at = performance.now() + random.int(least, most);
    }
  }
}
