/** A bound Worker that calls what a test names, by the binding itself or by the SDK over it, and tells what came of it. */
import { createOperator, createSender, SendError, type SenderBinding } from "../../../src/sender/sender.ts";

interface Env {
  readonly RESTANTE: SenderBinding;
}

interface Probe {
  readonly by: "rpc" | "sdk";
  readonly method: string;
  readonly args: readonly unknown[];
  /** Put in the place of every `"<here>"` of the arguments: what JSON cannot write. */
  readonly here?: keyof typeof UNUSUAL;
}

type Methods = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

const cycle: { self?: unknown } = {};
cycle.self = cycle;

/** Few values, each many times in the next: as JSON it would be longer than any memory. */
let bomb: unknown = [0];
for (let depth = 0; depth < 60; depth += 1) bomb = [bomb, bomb];

class Instance {
  readonly secret = 1;
}

const UNUSUAL = {
  undefined: undefined,
  nan: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  bigint: 7n,
  date: new Date(0),
  invalidDate: new Date(Number.NaN),
  map: new Map([["a", 1]]),
  set: new Set([1]),
  bytes: new Uint8Array([1, 2]),
  regexp: /x/,
  error: new Error("x"),
  cycle,
  bomb,
  // biome-ignore lint/suspicious/noSparseArray: a hole is what it is about
  hole: [1, , 3],
  callback: () => 1,
  instance: new Instance(),
  deep: Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 0),
  large: "x".repeat(2 * 1024 * 1024),
  lone: "\ud800",
} as const;

const put = (value: unknown, here: unknown): unknown => {
  if (value === "<here>") return here;
  if (Array.isArray(value)) return value.map((inner) => put(inner, here));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, put(inner, here)]));
};

export default {
  async fetch(request, env): Promise<Response> {
    const { by, method, args, here } = await request.json<Probe>();
    const options = { binding: env.RESTANTE, timeoutMs: 3_000 };
    const target = by === "rpc" ? env.RESTANTE : { ...createOperator(options), ...createSender(options) };
    try {
      const call = (target as unknown as Methods)[method];
      const given = put(args, here === undefined ? undefined : UNUSUAL[here]) as readonly unknown[];
      const value = call === undefined ? undefined : await (target as unknown as Methods)[method]?.(...given);
      return Response.json({ value });
    } catch (error) {
      if (!(error instanceof SendError)) return Response.json({ thrown: String(error) });
      const { name, code, detail, status, retry, attempts, id } = error;
      return Response.json({ error: { name, code, detail, status, retry, attempts, id } });
    }
  },
} satisfies ExportedHandler<Env>;
