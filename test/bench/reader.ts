/** A client that parses every frame, and acks: gathered, as clients should, or each message by itself where somebody waits for it. */
import { WebSocket } from "ws";

/** A client may send 100 frames a second: acks are gathered, to half a window or for so long. */
const ACK_EVERY_MESSAGES = 128;
const ACK_EVERY_MS = 20;

export interface Reader {
  readonly received: number;
  /** Resolves once so many have come. */
  until(count: number): Promise<void>;
  close(): void;
}

/** Fails loudly where its socket ends. Nothing is compressed: not all of the field could. */
export const reader = async (
  url: string,
  onMessages: (messages: readonly { readonly seq: number }[]) => void = () => {},
  acks: "gathered" | "each" = "gathered",
): Promise<Reader> => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  let received = 0;
  let last = 0;
  let unacked = 0;
  let timer: NodeJS.Timeout | undefined;
  let watch: { readonly count: number; readonly done: () => void } | undefined;
  const ack = () => {
    clearTimeout(timer);
    timer = undefined;
    unacked = 0;
    if (socket.readyState === WebSocket.OPEN) socket.send(`{"type":"ack","seq":${last}}`);
  };
  await new Promise<void>((done, failed) => {
    socket.once("error", failed);
    socket.once("close", (code) => failed(new Error(`closed with ${code}`)));
    socket.on("message", (raw) => {
      const frame = JSON.parse(String(raw));
      if (frame.type === "connection_established") done();
      if (frame.type !== "messages") return;
      last = frame.messages.at(-1).seq;
      received += frame.messages.length;
      unacked += frame.messages.length;
      onMessages(frame.messages);
      if (acks === "each" || unacked >= ACK_EVERY_MESSAGES) ack();
      else timer ??= setTimeout(ack, ACK_EVERY_MS);
      if (watch !== undefined && received >= watch.count) watch.done();
    });
  });
  socket.on("close", (code, reason) => {
    throw new Error(`A reader's socket was closed with ${code} ${reason}.`);
  });
  return {
    get received() {
      return received;
    },
    until: (count) =>
      new Promise((done) => {
        watch = { count, done };
        if (received >= count) done();
      }),
    close: () => {
      clearTimeout(timer);
      socket.removeAllListeners("close");
      socket.terminate();
    },
  };
};
