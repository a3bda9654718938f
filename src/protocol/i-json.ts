/**
 * JSON as it is taken from outside (RFC 8259 and, for numbers, I-JSON, RFC 7493): what a JavaScript reader of the
 * message would not see as it was written is refused, instead of changed in silence.
 */
import { LIMITS } from "./limits.ts";

/** One thing wrong with a body: where (RFC 6901), and what to do. */
export interface JsonFault {
  readonly pointer: string;
  readonly detail: string;
}

type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly faults: readonly JsonFault[] };

// Up to 15 digits with an exponent of up to two always survive a double. A number longer than that is worth a second
// look; the text before it keeps most digits inside strings from costing one.
const DOUBTFUL = /(?:^|[[,:\s])-?(?:[0-9.]{16}|[0-9.]+[eE][+-]?[0-9]{3})/;
/** Stands in the parsed value for a number that a double cannot hold. */
const UNHELD = Symbol("a number that a double cannot hold");

const FAULTS_MAX = 20;

export const escapePointer = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1").slice(0, 128);

export const parseJson = (text: string): ParsedJson => {
  const parsed = parsePlainJson(text);
  if (!parsed.ok) return parsed;
  const faults = faultsIn(parsed.value);
  return faults.length === 0 ? parsed : { ok: false, faults };
};

/** JSON alone (RFC 8259): what else is refused is still to be looked for, by `faultsIn`, in the whole or in its parts. */
export const parsePlainJson = (text: string): ParsedJson => {
  try {
    return { ok: true, value: DOUBTFUL.test(text) ? JSON.parse(text, markUnheld) : JSON.parse(text) };
  } catch {
    const detail = text.startsWith("\ufeff")
      ? "JSON starts without a byte order mark (RFC 8259, section 8.1)."
      : "It is not JSON (RFC 8259).";
    return { ok: false, faults: [{ pointer: "", detail }] };
  }
};

/** What is not taken in a value that `parsePlainJson` gave; the pointers start at it. */
export const faultsIn = (value: unknown): readonly JsonFault[] => {
  const faults: JsonFault[] = [];
  look(value, [], faults);
  return faults;
};

// `source` is the number as written (ES2025); the library's types do not have it yet.
const markUnheld = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && context?.source !== undefined && !isHeld(context.source, value) ? UNHELD : value;

/** Whether a double, printed with as many digits as were written, reads the same. */
const isHeld = (source: string, value: number): boolean => {
  if (!Number.isFinite(value)) return false;
  if (/^-?[0-9]+$/.test(source)) return Number.isSafeInteger(value);
  const digits = significantDigits(source);
  if (digits === "") return true;
  // toPrecision takes up to 100.
  return value !== 0 && digits.length <= 100 && significantDigits(value.toPrecision(digits.length)) === digits;
};

/** The digits of a number without its sign, point, exponent, and zeros at either end. */
const significantDigits = (text: string): string =>
  text
    .replace(/[eE].*$/, "")
    .replace(/[-.]/g, "")
    .replace(/^0+/, "")
    .replace(/0+$/, "");

/** Looks through a value for what is not taken; `path` is the way down to it, and is left as it was found. */
const look = (value: unknown, path: string[], faults: JsonFault[]): void => {
  const detail = faultOf(value, path);
  if (detail !== undefined) {
    const pointer = path.map((key) => `/${escapePointer(key)}`).join("");
    if (faults.length < FAULTS_MAX) faults.push({ pointer, detail });
  } else if (typeof value === "object" && value !== null) {
    for (const key of Object.keys(value)) {
      path.push(key);
      look((value as Record<string, unknown>)[key], path, faults);
      path.pop();
    }
  }
};

const faultOf = (value: unknown, path: readonly string[]): string | undefined => {
  if (value === UNHELD) return "This number is larger or more precise than a double: send it as a string.";
  // A reader that copies key by key would set a prototype.
  if (path.at(-1) === "__proto__") return "No key may be called __proto__.";
  if (typeof value === "object" && value !== null && path.length === LIMITS.jsonMaxDepth) {
    return `At most ${LIMITS.jsonMaxDepth} arrays and objects may stand inside one another.`;
  }
  return undefined;
};

/** RFC 8785: the same text for the same value, whatever the order of its keys. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(",")}}`;
};
