/** Every route there is, and who may use it (A1): the one table from which they are registered and tested. */
import { PUBLISH_SUBPROTOCOL } from "../protocol/publish-frames.ts";
import { SCOPES, type Scope } from "../settings/access.ts";
import { getAttention } from "./attention.ts";
import { type BackendHandler, type KeyHandler, ofUser } from "./backend-plane.ts";
import { postBatch } from "./batch.ts";
import { discardMany, discardOne, listDeadLetters, requeueMany, requeueOne } from "./dead-letters.ts";
import { getAsyncApi, getOpenApi } from "./documents.ts";
import { openEvents } from "./events.ts";
import { getHealth } from "./health.ts";
import { deleteAll, getJob, listJobs, postRequeueAll, stopJob } from "./jobs.ts";
import { getKey } from "./key.ts";
import { openLive } from "./live.ts";
import { getMessage, listHeld, recallMessage } from "./messages.ts";
import { getAlerts, getMetrics, getMonitor } from "./monitoring.ts";
import type { OpenHandler } from "./open-plane.ts";
import { openPublisher } from "./publish.ts";
import { getReady } from "./ready.ts";
import { sendMessage } from "./sends.ts";
import { openSocket } from "./socket.ts";
import { postAck, postReject } from "./stream-acks.ts";
import { renewToken } from "./token-renewal.ts";
import type { UserHandler } from "./user-plane.ts";
import { eraseUser, getUser, postToken, revokeTokens } from "./users.ts";
import { discardWebhooks, listWebhooks, retryWebhooks } from "./webhooks.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

interface At {
  readonly method: Method;
  readonly path: string;
}

export type Route =
  /** An API key with any one of the scopes; `subprotocol`: it is a socket's, and the key may travel beside that. */
  | (At & {
      readonly plane: "backend";
      readonly scopes: readonly Scope[];
      readonly handle: KeyHandler;
      readonly subprotocol?: string;
    })
  /** A user token. */
  | (At & { readonly plane: "user"; readonly handle: UserHandler })
  /** Nothing; a key with one of the scopes may do more. */
  | (At & { readonly plane: "open"; readonly scopes?: readonly Scope[]; readonly handle: OpenHandler });

const backend = (method: Method, path: string, scopes: readonly Scope[], handle: BackendHandler): Route => ({
  plane: "backend",
  method,
  path,
  scopes,
  handle: ofUser(handle),
});
const key = (method: Method, path: string, scopes: readonly Scope[], handle: KeyHandler): Route => ({
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
const WEBHOOKS = `${USER}/webhooks`;
const CONNECTION = "/v1/connections/:connection_id";

export const ROUTES: readonly Route[] = [
  backend("POST", MESSAGES, ["send"], sendMessage),
  backend("GET", MESSAGES, ["send", "monitor"], listHeld),
  backend("GET", `${MESSAGES}/:id`, ["send", "monitor"], getMessage),
  backend("DELETE", `${MESSAGES}/:id`, ["manage"], recallMessage),
  key("POST", "/v1/messages", ["send"], postBatch),
  {
    plane: "backend",
    method: "GET",
    path: `${USER}/publish`,
    scopes: ["send"],
    handle: ofUser(openPublisher),
    subprotocol: PUBLISH_SUBPROTOCOL,
  },

  backend("GET", USER, ["send", "monitor"], getUser),
  backend("DELETE", USER, ["manage"], eraseUser),
  backend("POST", `${USER}/tokens`, ["send"], postToken),
  backend("DELETE", `${USER}/tokens`, ["manage"], revokeTokens),

  backend("GET", `${USER}/live`, ["monitor"], openLive),

  backend("GET", DEAD_LETTERS, ["manage", "monitor"], listDeadLetters),
  backend("DELETE", DEAD_LETTERS, ["manage"], discardMany),
  backend("POST", `${DEAD_LETTERS}/requeue`, ["manage"], requeueMany),
  backend("DELETE", `${DEAD_LETTERS}/:seq`, ["manage"], discardOne),
  backend("POST", `${DEAD_LETTERS}/:seq/requeue`, ["manage"], requeueOne),

  backend("GET", WEBHOOKS, ["manage", "monitor"], listWebhooks),
  backend("POST", `${WEBHOOKS}/retry`, ["manage"], retryWebhooks),
  backend("DELETE", WEBHOOKS, ["manage"], discardWebhooks),

  key("GET", "/v1/attention", ["monitor"], getAttention),
  key("POST", "/v1/dead-letters/requeue", ["manage"], postRequeueAll),
  key("DELETE", "/v1/dead-letters", ["manage"], deleteAll),
  key("GET", "/v1/jobs", ["manage", "monitor"], listJobs),
  key("GET", "/v1/jobs/:job", ["manage", "monitor"], getJob),
  key("DELETE", "/v1/jobs/:job", ["manage"], stopJob),

  key("GET", "/v1/key", SCOPES, getKey),

  user("GET", "/v1/socket", openSocket),
  user("GET", "/v1/events", openEvents),
  user("PUT", `${CONNECTION}/token`, renewToken),
  user("POST", `${CONNECTION}/ack`, postAck),
  user("POST", `${CONNECTION}/reject`, postReject),

  { plane: "backend", method: "GET", path: "/metrics", scopes: ["monitor"], handle: getMetrics },
  { plane: "backend", method: "GET", path: "/v1/monitor", scopes: ["monitor"], handle: getMonitor },
  { plane: "backend", method: "GET", path: "/v1/alerts", scopes: ["monitor"], handle: getAlerts },

  { plane: "open", method: "GET", path: "/health", handle: getHealth },
  { plane: "open", method: "GET", path: "/ready", scopes: ["monitor"], handle: getReady },
  { plane: "open", method: "GET", path: "/openapi.json", handle: (call) => getOpenApi(call, ROUTES) },
  { plane: "open", method: "GET", path: "/asyncapi.json", handle: getAsyncApi },
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
