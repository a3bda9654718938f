/** A user token, signed or forged, before the Worker: what a Mailbox is told of it, or why it is refused. */
import { createHmac } from "node:crypto";
import { expect } from "vitest";
import { defaultVars, TOKEN_SECRET } from "../support/credentials.ts";
import { mailboxNameOf, type Reply, type WorkerUnderTest, workerUnderTest } from "./worker-under-test.ts";

export const now = () => Date.now() / 1_000;

/** Presents a token where one is verified, and nothing else happens before a Mailbox is touched. */
export const present = (worker: WorkerUnderTest, token: string, user = "ada"): Promise<Reply> =>
  worker.fetch("PUT", `/v1/connections/${mailboxNameOf(user).slice(0, 16)}.abc/token`, {
    headers: { authorization: `Bearer ${token}` },
  });

/** What a Mailbox is told of an accepted token. */
export const accepted = async (token: string, vars = defaultVars, user = "ada"): Promise<unknown> => {
  const worker = workerUnderTest(vars, (touch) => ({
    ok: true,
    expiresAt: (touch.args[1] as { expiresAt: number }).expiresAt,
  }));
  const reply = await present(worker, token, user);
  expect(reply.body).toHaveProperty("expires_at");
  return worker.touches[0]?.args[1];
};

export const refused = async (token: string, vars = defaultVars): Promise<string> => {
  const worker = workerUnderTest(vars);
  const reply = await present(worker, token);
  expect(worker.touches).toEqual([]);
  if (token.length > 20) expect(JSON.stringify(reply.body)).not.toContain(token.slice(-20));
  if (reply.status === 401) expect(reply.headers.get("www-authenticate")).toContain('error="invalid_token"');
  return reply.body.code;
};

export const base64url = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
/** A JWT put together by hand, so that what no library would sign can be tried. */
export const forged = (header: unknown, claims: unknown, secret: string | Buffer = TOKEN_SECRET): string => {
  const input = `${base64url(header)}.${base64url(claims)}`;
  const hash = (header as { readonly alg?: string }).alg === "HS512" ? "sha512" : "sha256";
  return `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
};
export const OWN = { alg: "HS256", typ: "restante-user+jwt" };
export const claims = (more: object = {}) => ({ iss: "restante", sub: "ada", iat: now(), exp: now() + 60, ...more });
