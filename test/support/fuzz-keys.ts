import { createHash } from "node:crypto";
import { API_KEY, defaultVars } from "./credentials.ts";

/** One key for each scope alone (A1). */
export const KEYS = { send: "rk_only-send", manage: "rk_only-manage", monitor: "rk_only-monitor" } as const;

const digest = (key: string): string => createHash("sha256").update(key).digest("hex");

/** A deployment's settings with a key for each scope beside the one that has all. */
export const scopedVars: Readonly<Record<string, string>> = {
  ...defaultVars,
  ...Object.fromEntries(
    Object.entries(KEYS).map(([scope, key]) => [`API_KEY_${scope.toUpperCase()}`, `${scope}:${digest(key)}`]),
  ),
};

const bearerOf = (credential: string): string => `Authorization: Bearer ${credential}`;
export const ALL_SCOPES = bearerOf(API_KEY);
