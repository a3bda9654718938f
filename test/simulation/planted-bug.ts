/** A bug that somebody could make: a small change to the real code, which a simulation has to notice. */

export interface PlantedBug {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  readonly edits: readonly (readonly [find: string, replace: string])[];
}

export const bug = (name: string, file: string, ...edits: PlantedBug["edits"]): PlantedBug => ({ name, file, edits });
