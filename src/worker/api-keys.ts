/** Who may use the backend plane (A1): an API key, known by its digest only. */
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { sha256 } from "../protocol/sha256.ts";
import { type AccessSettings, type ApiKey, brokenKeys, type Scope } from "../settings/access.ts";
import { looksLikeToken, presentedKey } from "./credentials.ts";
import { remembered } from "./remembered.ts";

const digestOf = remembered(100, sha256);

/** Refuses a request whose API key is not one of `scopes`' ; undefined lets it in. `subprotocol`: the one that a socket's route speaks. */
export const refuseKey = (
  request: Request,
  settings: AccessSettings,
  scopes: readonly Scope[],
  subprotocol?: string,
): Refusal | undefined => {
  const key = keyOf(request, settings, subprotocol);
  if (!key.ok) return key;
  if (scopes.some((scope) => key.value.scopes.includes(scope))) return undefined;
  return refuse("missing_scope", `This key has ${key.value.scopes.join(", ")}; this needs ${scopes.join(" or ")}.`, {
    extra: { scopes },
  });
};

/** The key that a request was sent with, whatever it may do. */
export const keyOf = (request: Request, settings: AccessSettings, subprotocol?: string): Checked<ApiKey> => {
  if (!settings.apiKeys.ok) return settings.apiKeys;
  const { keys, broken } = settings.apiKeys.value;
  const presented = presentedKey(request.headers, subprotocol);
  if (!presented.ok) return presented;
  if (presented.value === undefined) {
    return refuse("missing_key", "Send an API key: `Authorization: Bearer <key>`.");
  }
  const digest = digestOf(presented.value);
  // All of them are compared: how long it takes tells nothing.
  const [key] = keys.filter((candidate) => isSameText(candidate.digest, digest));
  if (key !== undefined) return granted(key);
  if (looksLikeToken(presented.value)) {
    return refuse("invalid_key", "This is a user token, and user tokens never send: use an API key here.");
  }
  if (broken.length > 0) return refuse("not_configured", brokenKeys(broken));
  return refuse(
    "invalid_key",
    "No API key of this deployment has this digest: check the key, or whether it was revoked.",
  );
};

/** Of two hex digests, in a time that does not depend on where they differ. */
const isSameText = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
};
