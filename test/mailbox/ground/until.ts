/** Awaits what somebody will tell of, with a deadline: the tests' only way to wait. */
export class Signal {
  readonly #watchers = new Set<() => void>();

  tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Asks `found` now and whenever told. */
  until<T>(found: () => T | undefined, what: () => string, deadlineMs = 5_000): Promise<T> {
    return new Promise((done, failed) => {
      const look = (): void => {
        const value = found();
        if (value === undefined) return;
        this.#watchers.delete(look);
        clearTimeout(deadline);
        done(value);
      };
      const deadline = setTimeout(() => {
        this.#watchers.delete(look);
        failed(new Error(`After ${deadlineMs} ms still no ${what()}`));
      }, deadlineMs);
      this.#watchers.add(look);
      look();
    });
  }
}

/** Whether a promise settles while `meanwhile` runs; for replies that must still be held back. */
export const isSettled = async (promise: Promise<unknown>, meanwhile: () => Promise<unknown>): Promise<boolean> => {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  await meanwhile();
  return settled;
};
