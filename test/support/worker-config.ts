import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const projectDir = fileURLToPath(new URL("../../", import.meta.url));

/** What a runtime must know of wrangler.toml to run the Worker as it is deployed. */
export interface WorkerConfig {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly vars: Readonly<Record<string, string>>;
  readonly durableObjects: readonly { readonly binding: string; readonly className: string }[];
}

/**
 * Reads the default environment of wrangler.toml.
 *
 * Wrangler has a reader of its own, but importing it takes a second, which every test file would pay. This one knows the few
 * forms that the file uses, and throws at any other.
 */
export const readWorkerConfig = (path = `${projectDir}wrangler.toml`): WorkerConfig => {
  const vars: Record<string, string> = {};
  const durableObjects: { binding: string; className: string }[] = [];
  const top: Record<string, unknown> = {};

  for (const [header, values] of tables(readFileSync(path, "utf8"))) {
    if (header === "") Object.assign(top, values);
    if (header === "[vars]") for (const [name, value] of Object.entries(values)) vars[name] = String(value);
    if (header === "[[durable_objects.bindings]]") {
      durableObjects.push({ binding: String(values.name), className: String(values.class_name) });
    }
  }
  const date = top.compatibility_date;
  const flags = top.compatibility_flags ?? [];
  if (typeof date !== "string" || !Array.isArray(flags))
    throw new Error(`${path}: compatibility_date or _flags not found.`);
  return { compatibilityDate: date, compatibilityFlags: flags.map(String), vars, durableObjects };
};

const tables = (toml: string): [header: string, values: Record<string, unknown>][] => {
  const found: [string, Record<string, unknown>][] = [["", {}]];
  for (const line of toml.split("\n")) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    if (text.startsWith("[")) {
      found.push([text.replace(/\s*#.*$/, ""), {}]);
      continue;
    }
    const pair = /^([A-Za-z0-9_-]+)\s*=\s*(.+)$/.exec(text);
    if (pair === null) throw new Error(`wrangler.toml: this reader takes one value a line; it met: ${text}`);
    const [, name = "", literal = ""] = pair;
    const table = found.at(-1)?.[1];
    // Strings, numbers, booleans and lists of them are written in TOML as in JSON; what is not (a date, a bare table) is not needed here.
    if (table !== undefined) table[name] = parsed(literal);
  }
  return found;
};

const parsed = (literal: string): unknown => {
  try {
    return JSON.parse(literal);
  } catch {
    return literal;
  }
};
