import { createHash, randomBytes } from "node:crypto";

/** What a key may do (A1). */
export const SCOPES = ["send", "manage", "monitor"] as const;

/** A new API key: 32 random bytes, with a prefix that scanners for leaked secrets can look for. */
export const newApiKey = (): string => `rk_${randomBytes(32).toString("base64url")}`;

/** What a setting `API_KEY_<NAME>` holds: the scopes, and the key's hash alone (A1). */
export const apiKeySetting = (scopes: readonly string[], plainKey: string): string =>
  `${scopes.join(",")}:${createHash("sha256").update(plainKey).digest("hex")}`;
