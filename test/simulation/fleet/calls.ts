/** Calls from one object to another: each is on its way until the schedule says what becomes of it. */

/** One run of an object. What it has called goes on without it; it never hears of it. */
export interface Life {
  isOver: boolean;
}

/**
 * `lost`: it was not done. `unheard`: it was, and its answer is lost with the object that did it. `late`: its caller takes it for lost, and it is
 * done some time. `refused`: it was not done, and is not to be tried again.
 */
export type Fate = "answered" | "lost" | "unheard" | "late" | "refused";

interface Call {
  readonly caller: Life;
  readonly run: (dies: boolean) => unknown;
  readonly answer: (value: unknown) => void;
  readonly fail: (error: Error) => void;
}

/** As the platform marks what a caller may try again. */
const lost = (): Error => Object.assign(new Error("The object was lost."), { retryable: true });

export class Calls {
  #underWay: Call[] = [];
  #late: Call[] = [];

  get count(): number {
    return this.#underWay.length;
  }

  /** What its callers have taken for lost arrives after all. */
  arriveLate(): void {
    for (const call of this.#late.splice(0)) call.run(false);
  }

  /** `run` does it at the object that was called, which then dies where it is told to. */
  begin<T>(caller: Life, run: (dies: boolean) => T): Promise<T> {
    return new Promise((answer, fail) => {
      if (!caller.isOver) this.#underWay.push({ caller, run, answer: answer as Call["answer"], fail });
    });
  }

  /** One of those under way, which need not come in their order. */
  deliver(at: number, fate: Fate): void {
    const [call] = this.#underWay.splice(at % this.#underWay.length, 1);
    if (call === undefined) return;
    const value = fate === "answered" || fate === "unheard" ? call.run(fate === "unheard") : undefined;
    if (fate === "late") this.#late.push(call);
    if (call.caller.isOver) return;
    if (fate === "answered") call.answer(value);
    else call.fail(fate === "refused" ? new Error("It failed.") : lost());
  }
}
