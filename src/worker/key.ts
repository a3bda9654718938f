/** `GET /v1/key`: which API key asks, and what it may do (A1). So that a page or a script can say so before it tries. */
import { noQuery } from "../protocol/http.ts";
import type { KeyReply } from "../protocol/replies.ts";
import { keyOf } from "./api-keys.ts";
import type { KeyHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { json } from "./problem.ts";

export const getKey: KeyHandler = async ({ request, access, query }) => {
  const none = checkQuery(noQuery, query);
  if (!none.ok) return none;
  const key = keyOf(request, access);
  if (!key.ok) return key;
  const { name, scopes } = key.value;
  return json({ name, scopes } satisfies KeyReply);
};
