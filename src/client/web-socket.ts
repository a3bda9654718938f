/** A connection over a WebSocket: the usual carrier. */
import { PING, SUBPROTOCOL } from "../protocol/frames.ts";
import type { Open } from "./carrier.ts";
import { whyRefused } from "./refusal.ts";

/** A constructor such as the browser's own. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocket;

export const openWebSocket =
  (Socket: WebSocketConstructor): Open =>
  (request, events) => {
    const url = new URL(`v1/socket?${request.query}`, request.base);
    url.protocol = url.protocol.replace("http", "ws");
    // A page can set no header on a handshake: the token travels as a subprotocol (A3), and stays out of every log.
    const socket = new Socket(url.href, [SUBPROTOCOL, `bearer.${request.token().text}`]);
    let opened = false;
    let over = false;
    socket.onopen = () => {
      opened = true;
    };
    socket.onmessage = (event) => {
      if (!over) events.frame(String(event.data));
    };
    socket.onclose = async ({ code, reason }) => {
      if (over) return;
      // A handshake that failed says nothing; the same question without a handshake does.
      const refusal = opened ? undefined : await whyRefused(request);
      if (over) return;
      over = true;
      events.closed(refusal ?? { code, reason });
    };
    // The close that follows says what there is to say; without a listener Node would throw.
    socket.onerror = () => {};
    return {
      send: (frame) => {
        if (socket.readyState === 1) socket.send(frame.type === "ping" ? PING : JSON.stringify(frame));
      },
      close: (code, reason) => {
        over = true;
        // Browsers let a page close with 1000, or from 3000 on.
        socket.close(code, reason);
      },
    };
  };
