/** A bug that somebody could make: a small change to the real code, which a simulation has to notice. */

export interface PlantedBug {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  readonly edits: readonly (readonly [find: string, replace: string])[];
  /** Of a bug that few schedules notice: the seed of one that does. */
  readonly seed?: number;
}

export const bug = (name: string, file: string, ...edits: PlantedBug["edits"]): PlantedBug => ({ name, file, edits });

/** `seed` only spares the search: where the code has moved on and that schedule no longer notices it, another has to. */
export const rareBug = (seed: number, ...of: Parameters<typeof bug>): PlantedBug => ({ ...bug(...of), seed });

/** In which order schedules are tried on it: up to `count` of them. */
export function* seedsFor({ seed }: PlantedBug, count: number): Generator<number> {
  if (seed !== undefined) yield seed;
  for (let next = 1; next <= count; next += 1) yield next;
}
