/** Every route there is, and who may use it (A1): the one table from which they are registered and tested. */
import type { Scope } from "../settings.ts";
import type { BackendHandler } from "./backend-plane.ts";
import { discardMany, discardOne, listDeadLetters, requeueMany, requeueOne } from "./dead-letters.ts";
import { getHealth, type OpenHandler } from "./health.ts";
import { getMessage, listHeld, recallMessage } from "./messages.ts";
import { sendMessage } from "./sends.ts";
import { openSocket } from "./socket.ts";
import { renewToken } from "./token-renewal.ts";
import type { UserHandler } from "./user-plane.ts";
import { eraseUser, getUser, postToken, revokeTokens } from "./users.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

interface At {
  readonly method: Method;
  readonly path: string;
}

export type Route =
  /** An API key with any one of the scopes. */
  | (At & { readonly plane: "backend"; readonly scopes: readonly Scope[]; readonly handle: BackendHandler })
  /** A user token. */
  | (At & { readonly plane: "user"; readonly handle: UserHandler })
  /** Nothing. */
  | (At & { readonly plane: "open"; readonly handle: OpenHandler });

const backend = (method: Method, path: string, scopes: readonly Scope[], handle: BackendHandler): Route => ({
  plane: "backend",
  method,
  path,
  scopes,
  handle,
});
const user = (method: Method, path: string, handle: UserHandler): Route => ({ plane: "user", method, path, handle });

const USER = "/v1/users/:user";
const MESSAGES = `${USER}/messages`;
const DEAD_LETTERS = `${USER}/dead-letters`;

export const ROUTES: readonly Route[] = [
  backend("POST", MESSAGES, ["send"], sendMessage),
  backend("GET", MESSAGES, ["send", "monitor"], listHeld),
  backend("GET", `${MESSAGES}/:id`, ["send", "monitor"], getMessage),
  backend("DELETE", `${MESSAGES}/:id`, ["manage"], recallMessage),

  backend("GET", USER, ["send", "monitor"], getUser),
  backend("DELETE", USER, ["manage"], eraseUser),
  backend("POST", `${USER}/tokens`, ["send"], postToken),
  backend("DELETE", `${USER}/tokens`, ["manage"], revokeTokens),

  backend("GET", DEAD_LETTERS, ["manage", "monitor"], listDeadLetters),
  backend("DELETE", DEAD_LETTERS, ["manage"], discardMany),
  backend("POST", `${DEAD_LETTERS}/requeue`, ["manage"], requeueMany),
  backend("DELETE", `${DEAD_LETTERS}/:seq`, ["manage"], discardOne),
  backend("POST", `${DEAD_LETTERS}/:seq/requeue`, ["manage"], requeueOne),

  user("GET", "/v1/socket", openSocket),
  user("PUT", "/v1/connections/:connection_id/token", renewToken),

  { plane: "open", method: "GET", path: "/health", handle: getHealth },
];

const isAt = (pattern: string, path: string): boolean => {
  const [parts, names] = [path.split("/"), pattern.split("/")];
  return (
    parts.length === names.length &&
    names.every((name, index) => (name.startsWith(":") ? parts[index] !== "" : parts[index] === name))
  );
};

/** The routes of a path, whatever the method. */
export const routesAt = (path: string): readonly Route[] => ROUTES.filter((route) => isAt(route.path, path));
