/** Calls about one user, whose name is looked at before anything is sent. */
import { type CallOptions, type Effort, run } from "./calls.ts";
import { checkUser } from "./input.ts";
import type { Repeating } from "./patience.ts";
import type { Arguments, Method, Port, ReplyTo } from "./port.ts";

export const userCalls =
  (port: Port, effort: Effort) =>
  async <M extends Method>(
    method: M,
    args: Arguments<M> & readonly [user: string, ...unknown[]],
    options: CallOptions,
    repeating: Repeating = "repeatable",
  ): Promise<ReplyTo<M>> => {
    checkUser(args[0]);
    return run(port, effort, { method, args: () => args, repeating }, options);
  };
