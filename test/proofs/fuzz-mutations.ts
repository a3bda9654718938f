/** Seeded mutations: of bytes, of JSON, of paths, of headers and of tokens. */
import type { Random } from "../support/random.ts";

/** A request before it is written; each part is mutated on its own. */
export interface Draft {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body?: string;
}

const NASTY_TEXTS = [
  "",
  "\0",
  "..",
  "../..",
  "%2e%2e",
  "\ud800",
  "\ufeff",
  "__proto__",
  "constructor",
  "NaN",
  "-1",
  "1e999",
  "null",
  "~1",
  "é",
  "📬",
  "{{7*7}}",
  "'; DROP TABLE messages; --",
  "a".repeat(129),
  "x".repeat(3_000),
];
const NASTY_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  2 ** 53,
  -(2 ** 53),
  1e308,
  "",
  "0",
  [],
  {},
  [[]],
  { a: { b: { c: [] } } },
  ...NASTY_TEXTS,
];
const NASTY_HEADERS = [
  "TTL: -1",
  "TTL: 1e9",
  "TTL: 99999999999",
  "Topic: \xff",
  "Idempotency-Key: ~1",
  'Idempotency-Key: "',
  "Prefer: wait=-1",
  "Prefer: wait=0.01",
  'Prefer: wait="x',
  "Prefer: wait=0.01;x, wait=9",
  "Origin: https://evil.example",
  "Origin: null",
  "Content-Type: text/plain",
  "Content-Type: application/json; charset=utf-16",
  "Content-Encoding: gzip",
  "Content-Length: 1",
  "Transfer-Encoding: chunked",
  "Expect: 100-continue",
  "Upgrade: websocket",
  "Upgrade: h2c",
  "Connection: close, TTL",
  "Authorization: Bearer x",
  "Authorization: Basic YTpi",
  "Restante-Attach: %7B%7D",
  "Sec-WebSocket-Protocol: bearer., restante.v1",
  "Sec-WebSocket-Protocol: chat",
  "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99",
  "X-HTTP-Method-Override: DELETE",
  "Cookie: a=b",
  "Range: bytes=0-1",
  "Host: other",
  "Accept-Encoding: br;q=x",
];
const NASTY_SEGMENTS = [
  "..",
  ".",
  "%2e%2e",
  "%2E",
  "%00",
  "%ff",
  "%252e",
  "%",
  "%zz",
  "",
  "/",
  "//",
  ";a=b",
  "%2f",
  "%5c",
  "#",
  "?",
  "?x=1",
  "?location=mars",
  "?after=-1",
  "?__proto__=1",
  "&limit=0",
  "%0d%0aX:1",
  "~0",
  "0",
];
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "LOCK", "FOO"];

/** Flips, cuts, repeats, removes, inserts: what line noise and truncation do. */
export const mutateBytes = (bytes: Buffer, random: Random): Buffer => {
  if (bytes.length === 0) return Buffer.from([random.int(0, 255)]);
  const at = random.int(0, bytes.length - 1);
  const until = Math.min(bytes.length, at + random.int(1, 16));
  switch (random.int(0, 5)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      for (let flips = random.int(1, 4); flips > 0; flips -= 1) {
        const where = random.int(0, bytes.length - 1);
        flipped[where] = (flipped[where] as number) ^ (1 << random.int(0, 7));
      }
      return flipped;
    }
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, until), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(until)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([random.int(0, 255)]), bytes.subarray(at)]);
    default:
      return Buffer.concat([bytes, bytes]);
  }
};

const mutateText = (text: string, random: Random): string => {
  if (random.chance(0.3)) return random.pick(NASTY_TEXTS);
  return mutateBytes(Buffer.from(text), random).toString();
};

/** Puts another value, of any type, at a random place of a JSON text; or another name, or one field more. */
export const mutateJson = (text: string, random: Random): string => {
  if (random.chance(0.35)) return mutateText(text, random);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return mutateText(text, random);
  }
  return JSON.stringify(swapped(value, random));
};

const swapped = (value: unknown, random: Random): unknown => {
  if (typeof value !== "object" || value === null || random.chance(0.1)) return random.pick(NASTY_VALUES);
  const keys = Object.keys(value);
  const key = keys.length === 0 || random.chance(0.2) ? random.pick(NASTY_TEXTS) : random.pick(keys);
  const inner: unknown = (value as Record<string, unknown>)[key];
  if (Array.isArray(value)) return [...value, random.pick(NASTY_VALUES)];
  if (random.chance(0.1)) return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  const changed = random.chance(0.4) ? swapped(inner, random) : random.pick(NASTY_VALUES);
  return { ...value, [key]: changed };
};

/** A JWT with something wrong: a part changed, cut, swapped, or an algorithm that is none. */
const mutateToken = (token: string, random: Random): string => {
  const [header = "", claims = "", signature = ""] = token.split(".");
  const encode = (text: string) => Buffer.from(text).toString("base64url");
  const decode = (part: string) => Buffer.from(part, "base64url").toString();
  switch (random.int(0, 6)) {
    case 0:
      return `${encode(mutateJson(decode(header), random))}.${claims}.${signature}`;
    case 1:
      return `${header}.${encode(mutateJson(decode(claims), random))}.${signature}`;
    case 2:
      return `${header}.${claims}.${mutateBytes(Buffer.from(signature, "base64url"), random).toString("base64url")}`;
    case 3:
      return `${encode('{"alg":"none","typ":"restante-user+jwt"}')}.${claims}.`;
    case 4:
      return [header, claims, signature].slice(0, random.int(0, 2)).join(".");
    case 5:
      return [signature, header, claims, header].slice(0, random.int(2, 4)).join(".");
    default:
      return mutateText(token, random).replaceAll(/[\r\n]/g, "");
  }
};

const mutateTarget = (target: string, random: Random): string => {
  const parts = target.split("/");
  const at = random.int(0, parts.length - 1);
  switch (random.int(0, 3)) {
    case 0:
      return parts.with(at, random.pick(NASTY_SEGMENTS)).join("/");
    case 1:
      return parts.with(at, `${parts[at]}${random.pick(NASTY_SEGMENTS)}`).join("/");
    case 2:
      return parts.toSpliced(at, 1).join("/");
    default:
      return mutateBytes(Buffer.from(target), random)
        .toString("latin1")
        .replaceAll(/[\r\n]/g, "");
  }
};

const mutateHeaders = (headers: readonly string[], random: Random): readonly string[] => {
  const at = random.int(0, headers.length - 1);
  const header = headers[at];
  if (header === undefined) return [random.pick(NASTY_HEADERS)];
  switch (random.int(0, 4)) {
    case 0:
      return headers.toSpliced(at, 1);
    case 1:
      return [...headers, header];
    case 2: {
      const [, token] = /(ey[\w-]+\.[\w-]+\.[\w-]+)/.exec(header) ?? [];
      const mutated =
        token === undefined ? mutateText(header, random) : header.replace(token, mutateToken(token, random));
      return headers.with(at, mutated);
    }
    default:
      return [...headers, random.pick(NASTY_HEADERS)];
  }
};

/** One to three things wrong with a request. */
export const mutateDraft = (draft: Draft, random: Random): Draft => {
  let mutated = draft;
  for (let times = random.pick([1, 1, 1, 2, 3]); times > 0; times -= 1) {
    const what = random.int(0, mutated.body === undefined ? 5 : 9);
    if (what <= 1) mutated = { ...mutated, target: mutateTarget(mutated.target, random) };
    else if (what <= 4) mutated = { ...mutated, headers: mutateHeaders(mutated.headers, random) };
    else if (what === 5) mutated = { ...mutated, method: random.pick(METHODS) };
    else mutated = { ...mutated, body: mutateJson(mutated.body ?? "", random) };
  }
  return mutated;
};
