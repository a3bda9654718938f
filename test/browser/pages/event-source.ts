/** A page without the SDK: the browser's own `EventSource`, which acks nothing but by coming back (C10). */
import { settings, tell } from "./tell.ts";

const { url, token = "" } = settings;

const source = new EventSource(`${url}/v1/events?${new URLSearchParams({ access_token: token, device: "page" })}`);
const on = (type: string, act: (frame: never) => void) =>
  source.addEventListener(type, ({ data }) => act(JSON.parse(data) as never));

on("connection_established", ({ connection_id: connectionId }: { readonly connection_id: string }) =>
  tell({ kind: "status", status: { state: "open", connectionId } }),
);
on("messages", ({ messages }: { readonly messages: readonly { seq: number; id: string; type: string }[] }) => {
  for (const { seq, id, type } of messages) tell({ kind: "message", seq, id, type });
});
on("close", ({ reason }: { readonly reason: string }) =>
  tell({ kind: "status", status: { state: "closed", code: reason } }),
);
