/**
 * How a setting is read: once, from the environment, checked, with its default (M5).
 *
 * A setting that is not well formed, or a secret that is missing, lets nobody in, and is named to who asks (A5): better a
 * deployment that does not work than one that runs with a limit nobody chose.
 */

/** The environment as the runtime gives it: text by name, beside bindings. */
export type Environment = Readonly<Record<string, unknown>>;

/** A setting's text; undefined where it is not set, or blank. */
export const textOf = (env: Environment, name: string): string | undefined => {
  const raw = env[name];
  return typeof raw === "string" && raw.trim() !== "" ? raw : undefined;
};

/** Settings, and a line for each that is not well formed and has its default instead. */
export interface Read<T> {
  readonly settings: T;
  readonly faults: readonly string[];
}

/** Reads settings that are whole numbers within bounds. */
export const readWholeNumbers = <T>(
  env: Environment,
  read: (whole: (name: string, fallback: number, min: number, max: number) => number) => T,
): Read<T> => {
  const faults: string[] = [];
  const settings = read((name, fallback, min, max) => {
    const raw = env[name];
    if (raw === undefined || raw === "") return fallback;
    const value = Number(raw);
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    faults.push(`${name} is a whole number from ${min} to ${max}; it is ${JSON.stringify(raw)}.`);
    return fallback;
  });
  return { settings, faults };
};

/** Which version of the code answers: Cloudflare's id of it where `CF_VERSION_METADATA` is bound, or `VERSION`. */
export const versionOf = (env: Environment): string => {
  const metadata = env.CF_VERSION_METADATA;
  if (typeof metadata === "object" && metadata !== null && "id" in metadata && typeof metadata.id === "string") {
    return metadata.id;
  }
  return textOf(env, "VERSION") ?? "unversioned";
};
