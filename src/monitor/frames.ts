/** A client's end of a socket, read frame by frame. */
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";

/** As far as the check looks into one. */
export interface Frame {
  readonly type: string;
  readonly messages?: readonly { readonly id: string; readonly seq: number }[];
}

export class Frames {
  readonly #socket: WebSocket;
  readonly #unread: Frame[] = [];
  #end: Refusal | undefined;
  #arrived: () => void = () => {};

  /** Takes over a socket that nobody has accepted yet. */
  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#unread.push(JSON.parse(String(data)));
      this.#arrived();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.#end = refuse("unavailable", `The socket was closed with ${code} ${reason}`.trimEnd());
      this.#arrived();
    });
    socket.accept();
  }

  /** The next frame, as soon as there is one; a refusal once the socket has ended. */
  async next(): Promise<Checked<Frame>> {
    for (;;) {
      const frame = this.#unread.shift();
      if (frame !== undefined) return granted(frame);
      if (this.#end !== undefined) return this.#end;
      await new Promise<void>((arrived) => {
        this.#arrived = arrived;
      });
    }
  }

  send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  close(): void {
    this.#socket.close(1000);
  }
}
