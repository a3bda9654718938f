/** One request on its way through the Worker, with all that answering it takes. */
import { type Checked, type HttpErrorCode, type Refusal, refuse } from "../protocol/errors.ts";
import type { AccessSettings } from "../settings/access.ts";
import { decodeSegment } from "./raw-url.ts";

/** What the runtime binds, beside settings as text. */
export interface Bindings {
  readonly MAILBOX: DurableObjectNamespace;
  readonly MONITOR: DurableObjectNamespace;
  readonly [name: string]: unknown;
}

/** Who asks something of a user's Mailbox, over HTTP or by RPC, and has been let in. */
export interface Caller {
  readonly env: Bindings;
  readonly access: AccessSettings;
  /** Keeps the Worker alive for work that outlasts its caller. */
  readonly background: (work: Promise<unknown>) => void;
  /** Its signal tells that the caller has hung up; by RPC nothing tells (S11). */
  readonly request?: Pick<Request, "signal">;
}

export interface Exchange extends Caller {
  readonly request: Request;
  /** When it came, in Unix milliseconds. */
  readonly startedAt: number;
  /** The route's pattern. */
  readonly route: string;
  /** The path as it came, still percent-encoded. */
  readonly path: string;
  /** The query as it came. */
  readonly query: string;
}

export type Answer = Response | Refusal;

/** The path's part that the route's pattern calls `:name`, decoded and well formed. */
export const segment = (
  exchange: Pick<Exchange, "route" | "path">,
  name: string,
  isWellFormed: (text: string) => boolean,
  code: HttpErrorCode = "invalid_request",
): Checked<string> => {
  const index = exchange.route.split("/").indexOf(`:${name}`);
  const text = decodeSegment(exchange.path.split("/")[index] ?? "", code);
  if (!text.ok || isWellFormed(text.value)) return text;
  return refuse(code, `The ${name} in the path is not well formed.`);
};
