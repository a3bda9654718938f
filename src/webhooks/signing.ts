/** Signs a webhook as the Standard Webhooks specification has it, by its own library. */
import { Webhook as Signer } from "standardwebhooks";

/**
 * The headers of one attempt. `secrets` are `whsec_…`: the newest first, and one more for as long as receivers still verify
 * with the one before. The time is the attempt's own, in milliseconds; the id is that of all attempts.
 */
export const signedHeaders = (
  secrets: readonly string[],
  id: string,
  body: string,
  now: number,
): Readonly<Record<string, string>> => ({
  "webhook-id": id,
  "webhook-timestamp": String(Math.floor(now / 1_000)),
  "webhook-signature": secrets.map((secret) => new Signer(secret).sign(id, new Date(now), body)).join(" "),
});
