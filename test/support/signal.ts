/** Awaits what somebody will tell of, with a deadline. */

interface Awaited {
  readonly what: string;
  readonly deadlineMs?: number | undefined;
  /** Why it will not come any more, where that is so. */
  readonly over?: () => string | undefined;
  /** What has come instead, for whoever reads of the failure. */
  readonly instead?: () => string;
}

export class Signal {
  readonly #watchers = new Set<() => void>();

  tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** What `found` gives, asked now and whenever told; fails at the deadline, where it is over, and with what `found` throws. */
  until<T>(found: () => T | undefined, { what, deadlineMs = 10_000, over, instead }: Awaited): Promise<T> {
    return new Promise((done, failed) => {
      const settle = (act: () => void): void => {
        this.#watchers.delete(look);
        clearTimeout(deadline);
        act();
      };
      const fail = (why: string): void =>
        settle(() => failed(new Error(`${what} did not come: ${why}${instead === undefined ? "" : `; ${instead()}`}`)));
      const look = (): void => {
        try {
          const value = found();
          if (value !== undefined) return settle(() => done(value));
        } catch (error) {
          return fail((error as Error).message);
        }
        const why = over?.();
        if (why !== undefined) fail(why);
      };
      const deadline = setTimeout(() => fail(`${deadlineMs} ms are over`), deadlineMs);
      this.#watchers.add(look);
      look();
    });
  }
}
