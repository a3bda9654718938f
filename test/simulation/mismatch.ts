/** What was seen is not what the rules allow. */
export class Mismatch extends Error {}

export const fail = (rule: string, words: string): never => {
  throw new Mismatch(`[${rule}] ${words}`);
};

/** The words are made only where they are needed: this runs millions of times. */
export function expect(held: boolean, rule: string, words: () => string): asserts held {
  if (!held) fail(rule, words());
}

export const same = (seen: unknown, allowed: unknown, rule: string, what: () => string): void => {
  if (seen !== allowed) fail(rule, `${what()} is ${JSON.stringify(seen)}, not ${JSON.stringify(allowed)}`);
};
