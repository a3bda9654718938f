/**
 * Arguments of an RPC (S11): a structured clone, which holds more than JSON does, becomes what the same call over HTTP would
 * have brought.
 *
 * As `JSON.stringify` does it, a `Date` becomes its text and a member that is `undefined` is left out. What it would change
 * in silence (`NaN`, a `Map`, an instance of a class) or stumble over (a `bigint`, a cycle) is refused, and named.
 */
import type * as v from "valibot";
import { badBody, checkBody } from "../protocol/checked-body.ts";
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { escapePointer, faultsIn, parsePlainJson } from "../protocol/i-json.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";

/** `noun` is what the argument is called; `maxBytes` bounds its JSON text, as a request's body. What I-JSON refuses is not looked for yet. */
export const plainJson = (value: unknown, noun: string, maxBytes: number = LIMITS.bodyMaxBytes): Checked<unknown> => {
  const found = new Search(maxBytes).fault(value, []);
  if (found === "too large") return tooLarge(noun, maxBytes);
  if (found !== undefined) {
    return badBody(
      [{ pointer: found.path.map((key) => `/${escapePointer(key)}`).join(""), detail: found.detail }],
      noun,
    );
  }
  const text = JSON.stringify(value ?? {});
  if (text.length > maxBytes || utf8Bytes(text) > maxBytes) return tooLarge(noun, maxBytes);
  const parsed = parsePlainJson(text);
  return parsed.ok ? granted(parsed.value) : badBody(parsed.faults, noun);
};

/** One argument through its schema. */
export const checkArgument = <S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  noun: string,
): Checked<v.InferOutput<S>> => {
  const plain = plainJson(value, noun);
  if (!plain.ok) return plain;
  const faults = faultsIn(plain.value);
  return faults.length === 0 ? checkBody(schema, plain.value, noun) : badBody(faults, noun);
};

const tooLarge = (noun: string, maxBytes: number): Checked<never> =>
  refuse("message_too_large", `The ${noun} has at most ${maxBytes} bytes as JSON. Nothing of it was taken.`);

type Found = { readonly path: readonly string[]; readonly detail: string } | "too large" | undefined;

/** No argument has so many levels: a message has its limit, and a batch two more. What goes on beyond is a cycle, or as bad. */
const CYCLE_DEPTH = LIMITS.jsonMaxDepth + 2;

/** Looks for the first thing that JSON cannot hold as it is. */
class Search {
  /** Shared parts are looked at, and written, each time that they stand somewhere: few values can be a very long text. */
  #left: number;

  constructor(maxValues: number) {
    this.#left = maxValues;
  }

  fault(value: unknown, path: readonly string[]): Found {
    this.#left -= 1;
    if (this.#left < 0) return "too large";
    if (value === null || value === undefined || typeof value === "string" || typeof value === "boolean")
      return undefined;
    if (typeof value === "number")
      return Number.isFinite(value) ? undefined : { path, detail: `JSON has no ${value}.` };
    if (typeof value !== "object") return { path, detail: `JSON has no ${typeof value}: send it as a text.` };
    if (value instanceof Date) {
      return Number.isNaN(value.getTime()) ? { path, detail: "This Date is invalid." } : undefined;
    }
    if (path.length > CYCLE_DEPTH) {
      return { path, detail: `A cycle, or more than ${LIMITS.jsonMaxDepth} arrays and objects inside one another.` };
    }
    return Array.isArray(value) ? this.#inArray(value, path) : this.#inObject(value, path);
  }

  #inArray(array: readonly unknown[], path: readonly string[]): Found {
    // By index, since other ways of going through it pass over holes.
    for (let index = 0; index < array.length; index += 1) {
      const inner = [...path, String(index)];
      if (array[index] === undefined) return { path: inner, detail: "An array in JSON has no undefined: send null." };
      const found = this.fault(array[index], inner);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #inObject(object: object, path: readonly string[]): Found {
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) {
      return { path, detail: "This is no plain object: JSON would lose what it holds." };
    }
    for (const [key, value] of Object.entries(object)) {
      const found = this.fault(value, [...path, key]);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
