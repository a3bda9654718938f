/** How one connection of the live stream is opened: over HTTP alone, as a binding carries answers and no streams of this service. */
import { type SentEvent, sentEvents } from "../protocol/sent-events.ts";
import { type Fetch, failureOfResponse } from "./http-port.ts";
import { type Failure, SendError } from "./send-error.ts";

/** Its events, each a frame as JSON; over when the server ends it. Rejects with a `Failure`, or where no answer came. */
export type OpenLive = (user: string, signal: AbortSignal, alive: () => void) => Promise<AsyncIterable<SentEvent>>;

export const httpLive =
  (base: string, key: string, fetch: Fetch): OpenLive =>
  async (user, signal, alive) => {
    const url = `${base.replace(/\/?$/, "/")}v1/users/${encodeURIComponent(user)}/live`;
    const headers = { authorization: `Bearer ${key}`, accept: "text/event-stream" };
    const response = await fetch(url, { method: "GET", headers, redirect: "manual", signal });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (response.status !== 200 || !isStream) throw failureOfResponse(response, await response.text());
    if (response.body === undefined || response.body === null) throw NO_BODY;
    return sentEvents(response.body, alive);
  };

const NO_BODY: Failure = {
  code: "network",
  detail:
    "The `fetch` that was given gives no stream of what comes: leave it out, or give one whose response has a `body`.",
  retry: "no",
};

export const noLive: OpenLive = () => {
  const detail = "A binding carries no live stream: take `createOperator({ url, key })` for it.";
  throw new SendError({ code: "invalid_request", detail, retry: "no" }, { attempts: 0 });
};
