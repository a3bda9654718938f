/** Every credential × scope × route × method (A1, A4, E1), over raw TCP at the real runtime. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { Canaries, wholeState } from "../support/fuzz-canary.ts";
import { type RawReply, raw, replyFaults, requestBytes } from "../support/fuzz-http.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { ROUTES } from "../unit/worker-under-test.ts";

type Expected = readonly [status: number, code?: string];
type Scope = keyof typeof KEYS;

/** What a route answers whom it lets in: `to` a key with one of these scopes, or a user token, or anybody. */
interface Row {
  readonly to: readonly Scope[] | "token" | "anybody";
  /** Anybody, but a key that is sent has one of these. */
  readonly keys?: readonly Scope[];
  readonly answers: Expected;
}

const UNKNOWN_MESSAGE: Expected = [404, "unknown_message"];
const UNKNOWN_DEAD_LETTER: Expected = [404, "unknown_dead_letter"];
const UNKNOWN_JOB: Expected = [404, "unknown_job"];

/** The contract's words (A1), written apart from the table in src: a new route is added here by hand, or this test fails. */
const CONTRACT: Readonly<Record<string, Row>> = {
  "POST /v1/users/:user/messages": { to: ["send"], answers: [202] },
  "GET /v1/users/:user/messages": { to: ["send", "monitor"], answers: [200] },
  "GET /v1/users/:user/messages/:id": { to: ["send", "monitor"], answers: UNKNOWN_MESSAGE },
  "DELETE /v1/users/:user/messages/:id": { to: ["manage"], answers: UNKNOWN_MESSAGE },
  "POST /v1/messages": { to: ["send"], answers: [200] },
  "GET /v1/users/:user/publish": { to: ["send"], answers: [101] },
  "GET /v1/users/:user": { to: ["send", "monitor"], answers: [200] },
  "DELETE /v1/users/:user": { to: ["manage"], answers: [200] },
  "POST /v1/users/:user/tokens": { to: ["send"], answers: [200] },
  "DELETE /v1/users/:user/tokens": { to: ["manage"], answers: [200] },
  "GET /v1/users/:user/live": { to: ["monitor"], answers: [200] },
  "GET /v1/users/:user/dead-letters": { to: ["manage", "monitor"], answers: [200] },
  "DELETE /v1/users/:user/dead-letters": { to: ["manage"], answers: [200] },
  "POST /v1/users/:user/dead-letters/requeue": { to: ["manage"], answers: [200] },
  "DELETE /v1/users/:user/dead-letters/:seq": { to: ["manage"], answers: UNKNOWN_DEAD_LETTER },
  "POST /v1/users/:user/dead-letters/:seq/requeue": { to: ["manage"], answers: UNKNOWN_DEAD_LETTER },
  "GET /v1/users/:user/webhooks": { to: ["manage", "monitor"], answers: [200] },
  "POST /v1/users/:user/webhooks/retry": { to: ["manage"], answers: [200] },
  "DELETE /v1/users/:user/webhooks": { to: ["manage"], answers: [200] },
  "GET /v1/attention": { to: ["monitor"], answers: [200] },
  // What is to be done to all users' dead letters has to be said.
  "POST /v1/dead-letters/requeue": { to: ["manage"], answers: [400, "invalid_request"] },
  "DELETE /v1/dead-letters": { to: ["manage"], answers: [400, "invalid_request"] },
  "GET /v1/jobs": { to: ["manage", "monitor"], answers: [200] },
  "GET /v1/jobs/:job": { to: ["manage", "monitor"], answers: UNKNOWN_JOB },
  "DELETE /v1/jobs/:job": { to: ["manage"], answers: UNKNOWN_JOB },
  "GET /metrics": { to: ["monitor"], answers: [200] },
  "GET /v1/monitor": { to: ["monitor"], answers: [200] },
  "GET /v1/alerts": { to: ["monitor"], answers: [200] },
  "GET /v1/key": { to: ["send", "manage", "monitor"], answers: [200] },
  "GET /v1/socket": { to: "token", answers: [101] },
  "GET /v1/events": { to: "token", answers: [200] },
  "PUT /v1/connections/:connection_id/token": { to: "token", answers: [200] },
  "POST /v1/connections/:connection_id/ack": { to: "token", answers: [200] },
  "POST /v1/connections/:connection_id/reject": { to: "token", answers: [200] },
  "GET /health": { to: "anybody", answers: [200] },
  "GET /ready": { to: "anybody", keys: ["monitor"], answers: [200] },
  "GET /openapi.json": { to: "anybody", answers: [200] },
  "GET /asyncapi.json": { to: "anybody", answers: [200] },
};

/** Not in the table, but next to what is: a slash more or less, another case, other words. */
const UNKNOWN_PATHS = [
  "/",
  "/v1",
  "/v1/",
  "/v1/users",
  "/v1/users/",
  "/v1/users/:user/",
  "/v1/users//messages",
  "/v1/users/:user/messages/",
  "/v1/users/:user/messages/a/b",
  "/v1/users/:user/Messages",
  "/V1/users/:user",
  "/v2/users/:user",
  "//v1/users/:user",
  "/v1/%75sers/:user",
  "/v1/users/:user/dead-letters/7/requeue/x",
  "/v1/socket/",
  "/v1/sockets",
  "/v1/users/:user/publish/",
  "/v1/messages/",
  "/v1/events/",
  "/v1/connections/:connection_id",
  "/v1/connections/:connection_id/ack/",
  "/health/",
  "/health/x",
  "/ready/",
];
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] as const;
type Method = (typeof METHODS)[number];

/** `kind` is all that an answer may depend on. */
interface Credential {
  readonly name: string;
  readonly kind: "none" | "unknown" | Scope | "all" | "this user" | "another user" | "two";
  readonly headers: (user: string) => Promise<readonly string[]>;
}
const fixed = (name: string, kind: Credential["kind"], ...headers: readonly string[]): Credential => ({
  name,
  kind,
  headers: async () => headers.map((value) => `Authorization: ${value}`),
});
const CREDENTIALS: readonly Credential[] = [
  fixed("no credential", "none"),
  fixed("an empty header", "none", ""),
  fixed("Basic", "none", "Basic YTpi"),
  fixed("a key without a scheme", "none", API_KEY),
  fixed("Bearer and nothing", "none", "Bearer "),
  fixed("a wrong key", "unknown", "Bearer rk_guess"),
  fixed("a key's digest", "unknown", `Bearer ${createHash("sha256").update(API_KEY).digest("hex")}`),
  fixed("a key with one letter more", "unknown", `Bearer ${API_KEY}x`),
  fixed("a send key", "send", `Bearer ${KEYS.send}`),
  fixed("a manage key", "manage", `Bearer ${KEYS.manage}`),
  fixed("a monitor key", "monitor", `bearer   ${KEYS.monitor}`),
  fixed("a key of all scopes", "all", `Bearer ${API_KEY}`),
  fixed("two keys in one header", "two", `Bearer ${KEYS.send}, Bearer ${KEYS.manage}`),
  fixed("a key twice", "two", `Bearer ${API_KEY}`, `Bearer ${API_KEY}`),
  {
    name: "this user's token",
    kind: "this user",
    headers: async (user) => [`Authorization: Bearer ${await mintLocally(user)}`],
  },
  {
    name: "another user's token",
    kind: "another user",
    headers: async () => [`Authorization: Bearer ${await mintLocally("matrix-other")}`],
  },
];

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ vars: scopedVars });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const paths = [...new Set(ROUTES.map((route) => route.path))];

/** The route that a path and method reach; HEAD is GET without its body. */
const rowOf = (path: string, method: Method): Row | undefined => {
  const wanted = method === "HEAD" ? "GET" : method;
  // The word `requeue` stands where a seq may: one dead letter, with a seq that is none.
  if (path === "/v1/users/:user/dead-letters/requeue" && wanted === "DELETE")
    return { to: ["manage"], answers: [400, "invalid_request"] };
  return CONTRACT[`${wanted} ${path}`];
};

const isLetIn = ({ to }: Row, kind: Credential["kind"]): boolean =>
  to === "token" ? kind === "this user" || kind === "another user" : kind === "all" || to.includes(kind as never);

const expected = (path: string, method: Method, kind: Credential["kind"]): Expected => {
  const row = rowOf(path, method);
  // Nothing else is wrong with it.
  if (row?.answers[0] === 101 && method === "HEAD" && isLetIn(row, kind)) return [426, "upgrade_required"];
  if (row === undefined) {
    if (!paths.includes(path)) return [404, "not_found"];
    const isUserPlane = Object.entries(CONTRACT).some(
      ([route, { to }]) => to === "token" && route.endsWith(` ${path}`),
    );
    return method === "OPTIONS" && isUserPlane ? [204] : [405, "method_not_allowed"];
  }
  if (row.to === "anybody" && (row.keys === undefined || kind === "none")) return row.answers;
  if (row.to === "token") {
    switch (kind) {
      case "none":
        return [401, "missing_token"];
      case "two":
        return [400, "conflicting_credentials"];
      case "another user":
        // It opens its own user's stream, and has no say about another's connection.
        if (path.includes(":connection_id")) return [403, "token_mismatch"];
        break;
      case "this user":
        break;
      default:
        return [401, "invalid_token"];
    }
    return row.answers;
  }
  switch (kind) {
    case "none":
      return [401, "missing_key"];
    case "two":
      return [400, "conflicting_credentials"];
    case "unknown":
    case "this user":
    case "another user":
      return [401, "invalid_key"];
    case "all":
      return row.answers;
    default:
      return (row.keys ?? row.to).includes(kind) ? row.answers : [403, "missing_scope"];
  }
};

const BODIES: Readonly<Record<string, string>> = {
  "/v1/users/:user/messages": '{"type":"from-the-matrix"}',
  "/v1/messages": '{"messages":[{"to":"matrix-batch","type":"from-the-matrix"}]}',
  "/v1/connections/:connection_id/ack": '{"seq":0}',
  "/v1/connections/:connection_id/reject": '{"seq":0,"reason":"from the matrix"}',
};
const bodyOf = (method: Method, path: string) => {
  if (method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "DELETE") return {};
  return { body: BODIES[path] ?? "{}" };
};
const UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];

interface Ground {
  readonly user: string;
  readonly connectionId: string;
}

const call = async (ground: Ground, path: string, method: Method, credential: Credential): Promise<RawReply> => {
  const target = path
    .replace(":user", encodeURIComponent(ground.user))
    .replace(":id", "m-1")
    .replace(":seq", "7")
    .replace(":job", "6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11")
    .replace(":connection_id", ground.connectionId);
  const isUpgrade = CONTRACT[`${method} ${path}`]?.answers[0] === 101;
  const headers = [
    ...(await credential.headers(ground.user)),
    ...(isUpgrade ? [...UPGRADE, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] : []),
  ];
  return raw(runtime.port, requestBytes(method, target, { headers, ...bodyOf(method, path) }));
};

/** What is wrong in a path's cells. Whoever is let in has a user of its own to change; all others are at the witness. */
const wrongCells = async (path: string, witness: Ground): Promise<{ wrong: readonly string[]; cells: number }> => {
  const wrong: string[] = [];
  let cells = 0;
  for (const method of METHODS) {
    for (const credential of CREDENTIALS) {
      cells += 1;
      const [status, code] = expected(path, method, credential.kind);
      const changes = status < 300 && path.includes(":user");
      const ground = changes ? { ...witness, user: `matrix-${path}-${method}-${cells}` } : witness;
      const reply = await call(ground, path, method, credential);
      // A reply to HEAD has no body that could say its code.
      const said = method === "HEAD" ? [reply.status] : [reply.status, reply.code];
      const meant = method === "HEAD" ? [status] : [status, code];
      const cell = `${method} ${path} with ${credential.name}`;
      if (JSON.stringify(said) !== JSON.stringify(meant)) wrong.push(`${cell}: ${said}, not ${meant}`);
      if (method === "HEAD" && reply.text !== "") wrong.push(`${cell}: a body`);
      if (method !== "HEAD") wrong.push(...replyFaults(reply).map((fault) => `${cell}: ${fault}`));
      if (status === 401 && !reply.headers["www-authenticate"]?.startsWith("Bearer")) {
        wrong.push(`${cell}: WWW-Authenticate is ${reply.headers["www-authenticate"]}`);
      }
      if (status === 405 && (reply.headers.allow ?? "") === "") wrong.push(`${cell}: no Allow`);
    }
  }
  return { wrong, cells };
};

let witness: Ground;
let connection: Connection;
beforeAll(async () => {
  const user = "matrix-witness";
  await backend.send(user, { type: "kept", id: "kept" });
  connection = await Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });
  await connection.caughtUp();
  await backend.send(user, { type: "kept", id: "kept-2" }, { wait: 5 });
  witness = { user, connectionId: connection.established.connection_id };
});

test("[A1] the routes are those of the contract, each with a row here", () => {
  const routes = ROUTES.map(({ method, path }) => `${method} ${path}`);
  expect(routes.toSorted()).toEqual(Object.keys(CONTRACT).toSorted());
  for (const { plane, method, path } of ROUTES) {
    const { to } = CONTRACT[`${method} ${path}`] as Row;
    expect([path, plane]).toEqual([path, to === "token" ? "user" : to === "anybody" ? "open" : "backend"]);
  }
});

test("[A1, A4, E1] credential × scope × route × method: every cell has its status and code, and who is refused changes nothing", async () => {
  const canaries = await Canaries.settle(runtime.url);
  const stateBefore = await withoutSockets(witness.user);
  const wrong: string[] = [];
  let cells = 0;
  for (const path of [...paths, ...UNKNOWN_PATHS]) {
    const found = await wrongCells(path, witness);
    wrong.push(...found.wrong);
    cells += found.cells;
  }
  expect(wrong).toEqual([]);
  // 31 paths and 25 that are none, 7 methods, 16 credentials: a new route is counted here on purpose.
  expect(cells).toBe((31 + 25) * 7 * 16);
  expect(await withoutSockets(witness.user)).toBe(stateBefore);
  expect(await canaries.faults()).toEqual([]);
  expect(connection.frames.filter((frame) => frame.type === "error")).toEqual([]);
  await canaries.leave();
});

/** The witness attaches and prolongs where it may: the rest of its state stays as it was. */
const withoutSockets = async (user: string): Promise<string> => {
  const state = await wholeState(backend, user);
  const [[status, { held, dead_letters, mailbox, devices }], ...rest] = JSON.parse(state);
  const names = devices.map((d: { readonly device: string; readonly cursor: number }) => [d.device, d.cursor]);
  return JSON.stringify([status, held, dead_letters, mailbox, names, rest]);
};

test("[A1] the planes are apart: no key opens a stream, and no token of any user sends", async () => {
  const token = await mintLocally("matrix-plane");
  for (const [method, path] of [
    ["POST", "/v1/users/matrix-plane/messages"],
    ["GET", "/v1/users/matrix-plane"],
    ["POST", "/v1/users/matrix-plane/tokens"],
  ] as const) {
    const headers = [`Authorization: Bearer ${token}`];
    const reply = await raw(runtime.port, requestBytes(method, path, { headers, ...bodyOf(method, path) }));
    expect([path, reply.status, reply.code]).toEqual([path, 401, "invalid_key"]);
  }
  expect((await backend.user("matrix-plane")).body).toMatchObject({ devices: [], held: { count: 0 } });
});
