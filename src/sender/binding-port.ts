/** Over a service binding (S11): RPC to the entry point `Sender`, in the same account, without a key. */
import type { Outcome } from "../protocol/replies.ts";
import { type Api, failed, type Method, notJson, type Port, type ReplyTo } from "./port.ts";
import { type Failure, failureOf } from "./send-error.ts";

/** A binding as what it is, a stub: a method that it is asked for is there only when it is called. */
type Stub = { readonly [M in Method]: (...args: readonly unknown[]) => Promise<unknown> };

export const bindingPort =
  (binding: Api): Port =>
  async (method, args) => {
    let plain: readonly unknown[];
    try {
      // As over HTTP: what JSON makes of it, with whatever `toJSON` the app's own classes have.
      plain = JSON.parse(JSON.stringify(args));
    } catch (cause) {
      return failed(notJson(cause));
    }
    let outcome: Outcome<ReplyTo<typeof method>>;
    try {
      outcome = (await (binding as unknown as Stub)[method](...plain)) as typeof outcome;
    } catch (error) {
      if (error instanceof TypeError) return failed(notSender(error));
      throw error;
    }
    return "code" in outcome ? failed(failureOf(outcome)) : { ok: true, reply: outcome };
  };

const notSender = (cause: TypeError): Failure => ({
  code: "foreign_reply",
  detail: `What the binding leads to has no such method (${cause.message}): its \`entrypoint\` in wrangler.toml must be "Sender", of a release that has it.`,
  retry: "no",
  cause,
});
