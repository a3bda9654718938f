/** Numbers that every reader reads alike (RFC 7493), and the one way of writing a value (RFC 8785). */
import canonicalize from "canonicalize";
import { describe, expect, test } from "vitest";
import { canonicalJson, parseJson } from "../../src/protocol/i-json.ts";

describe("[E2] numbers (I-JSON)", () => {
  test.each([
    ["0", true],
    ["-0", true],
    ["0.1", true],
    ["9007199254740991", true],
    ["-9007199254740991", true],
    ["9007199254740992", false],
    ["-9007199254740993", false],
    ["12345678901234567890", false],
    ["100000000000000000000", false],
    ["1e20", true],
    ["1e308", true],
    ["1e309", false],
    ["-1e400", false],
    ["1e-400", false],
    ["0e400", true],
    ["0.0e-999", true],
    ["5e-324", true],
    ["4.9E-324", true],
    ["1.7976931348623157e308", true],
    ["1.7976931348623159e308", false],
    ["0.10000000000000001", true],
    ["0.30000000000000004", true],
    ["3.141592653589793", true],
    ["3.141592653589793238", false],
    ["12345678901234.567", false],
    ["0.1000000000000000000000000000", true],
    ["9007199254740993.0", false],
    ["1234567890123456e1", true],
  ])("[E2] %s: %s", (text, isTaken) => {
    for (const body of [text, `[${text}]`, `{"a":{"b": ${text} }}`, `[0,${text},"x"]`]) {
      expect([body, parseJson(body).ok]).toEqual([body, isTaken]);
    }
  });

  test("[E2] digits inside strings are nobody's business", () => {
    const value = { a: "12345678901234567890", b: '": 12345678901234567890', c: "1e999", "9007199254740993": 1 };
    expect(parseJson(JSON.stringify(value))).toEqual({ ok: true, value });
  });

  test("[S4] the canonical text is RFC 8785's", () => {
    for (const value of [
      { b: 1, a: { "€": '\u20ac$\u000f\nA\'B"\\\\"/', "\r": 1, "😀": 2, "1": 3, ö: 4 } },
      [333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, -0, null, true, false, [], {}, ""],
      "text",
      null,
    ]) {
      expect(canonicalJson(value)).toBe(canonicalize(value));
    }
    // Lone surrogates are data as any: canonicalize throws at them, and a send must not.
    expect(canonicalJson({ a: "\ud800" })).toBe('{"a":"\\ud800"}');
  });
});
