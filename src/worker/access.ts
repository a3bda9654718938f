/** Who is let in, as this deployment's environment says. */
import { type AccessSettings, accessSettings } from "../settings/access.ts";
import type { Bindings } from "./exchange.ts";

/** An isolate's environment never changes: its settings are read once. */
const read = new WeakMap<object, AccessSettings>();

export const accessOf = (env: Bindings): AccessSettings => {
  const access = read.get(env) ?? accessSettings(env);
  read.set(env, access);
  return access;
};
