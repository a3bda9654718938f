/**
 * `npm run soak -- --planted [name]`: a soak for each bug that is planted in the server, to see that it is caught, and by which rule.
 * What passes with these in it would prove nothing without.
 */
import { fileURLToPath } from "node:url";
import { soak } from "./soak.ts";

interface Planted {
  /** What the soak must say. */
  readonly rule: RegExp;
  /** Default: long enough for a kill. */
  readonly durationMs?: number;
}

const ENTRY = fileURLToPath(new URL("./planted-worker.mjs", import.meta.url));
const DURATION_MS = 20_000;
/** Whoever is behind then is caught. */
const CATCH_UP_MS = 15_000;

export const PLANTED: Readonly<Record<string, Planted>> = {
  "drops-a-message": { rule: /\[D1\].*neither shown nor told of/ },
  "swaps-messages": { rule: /\[D2\]/ },
  "stores-twice": { rule: /\[D3\].*twice/ },
  "forgets-ids": { rule: /\[D3\].*twice/ },
  "loses-the-newest-over-a-kill": { rule: /\[D1\].*neither shown nor told of/ },
  "tells-a-false-gap": { rule: /\[D1\].*neither shown nor told of/ },
  "begins-too-far": { rule: /\[D1\]/ },
  "shows-anothers-data": { rule: /\[A6\]/ },
  "says-delivered-too-early": { rule: /\[S1\].*before any device had it/ },
  "cuts-joined-text": { rule: /\[D1\]/ },
  "shuffles-joined-text": { rule: /\[P4\]/ },
  "sleeps-through": { rule: /\[C2\]/, durationMs: 90_000 },
};

/** The violation that names it; undefined where none does. `forMs`: how long, where not as long as usual. */
export const caught = async (name: string, seed: number, forMs?: number): Promise<string | undefined> => {
  const { rule, durationMs = DURATION_MS } = PLANTED[name] as Planted;
  const planted = { entry: ENTRY, vars: { PLANTED: name } };
  const { violations } = await soak({ seed, durationMs: forMs ?? durationMs, catchUpMs: CATCH_UP_MS, ...planted });
  return violations.find((violation) => rule.test(violation));
};

/** All of them, or one. True where each was caught. */
export const plantAll = async (names: readonly string[], seed: number): Promise<boolean> => {
  let all = true;
  for (const name of names) {
    const violation = await caught(name, seed);
    console.log(`  ${violation === undefined ? "MISSED" : "caught"} ${name}: ${violation?.slice(0, 200) ?? ""}`);
    all &&= violation !== undefined;
  }
  return all;
};
