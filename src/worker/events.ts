/** `GET /v1/events`: the stream as Server-Sent Events, for the browser's own `EventSource` and for curl (C10). */
import { eventsHeaders } from "../protocol/http.ts";
import { admit, attach } from "./admission.ts";
import { checkHeaders } from "./checked-input.ts";
import { EVENT_HEADERS } from "./event-body.ts";
import { EventStream } from "./event-stream.ts";
import type { UserHandler } from "./user-plane.ts";

export const openEvents: UserHandler = async (call) => {
  const { request } = call;
  const admission = await admit(call);
  if (!admission.ok) return admission;
  const lastId = request.headers.get("last-event-id") ?? "";
  const headers = checkHeaders(eventsHeaders, lastId === "" ? {} : { "Last-Event-ID": lastId });
  if (!headers.ok) return headers;
  if (request.method === "HEAD") return new Response(null, { headers: EVENT_HEADERS });

  // An `EventSource` repeats its URL each time it comes back: what it says in the header is newer.
  const { "Last-Event-ID": after = admission.value.after } = headers.value;
  const socket = await attach(call, { ...admission.value, ...(after === undefined ? {} : { after }) });
  if (!socket.ok) return socket;
  return new Response(new EventStream(socket.value, request.signal).body, { headers: EVENT_HEADERS });
};
