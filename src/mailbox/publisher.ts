/**
 * One publisher's socket (P): its frames become sends, in order, and each is replied to once that is true.
 *
 * One send of it is under way at a time, with all frames that came meanwhile: so what was refused for want of room has
 * nothing accepted behind it. All that it keeps is of frames without a reply; at rest it keeps nothing, and may sleep.
 */
import { log, thrown } from "../log.ts";
import { type Checked, type CloseErrorCode, closeCodeOf, type Refusal } from "../protocol/errors.ts";
import { errorFrame, PONG } from "../protocol/frames.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { SendCall, Sent } from "../protocol/mailbox-api.ts";
import type { NewMessage } from "../protocol/message.ts";
import { outcomeOf } from "../protocol/outcomes.ts";
import { parsePublisherFrame, published, publishedFrame, type Ref } from "../protocol/publish-frames.ts";

export type Send = (call: SendCall) => Promise<readonly (Sent | Refusal)[]>;

interface Frame {
  readonly ref: Ref;
  readonly bytes: number;
  readonly messages: readonly Checked<NewMessage>[];
}

interface End {
  readonly code: CloseErrorCode;
  readonly detail: string;
}

export class Publisher {
  readonly #socket: WebSocket;
  readonly #send: Send;
  /** What has no reply yet and is not on its way, in order; the end, if there is one, is the last. */
  #queue: (Frame | End)[] = [];
  #unrepliedMessages = 0;
  #unrepliedBytes = 0;
  #running = false;
  #over = false;
  readonly #ended: () => void;
  /** When its last frame came, in Unix milliseconds. */
  heardAt = 0;

  /** `ended` is told where it closes its socket itself. */
  constructor(socket: WebSocket, send: Send, ended: () => void) {
    this.#socket = socket;
    this.#send = send;
    this.#ended = ended;
  }

  /** `text` undefined: it was binary. What came before a fault is done, and replied to, before the socket ends. */
  receive(text: string | undefined): void {
    if (this.#over) return;
    this.heardAt = Date.now();
    if (text === undefined) return this.#refuse("bad_frame", "Frames are text, not binary.");
    const bytes = utf8Bytes(text);
    if (bytes > LIMITS.publishFrameMaxBytes) {
      return this.#refuse(
        "frame_too_large",
        `A frame has at most ${LIMITS.publishFrameMaxBytes} bytes; this one has ${bytes}.`,
      );
    }
    const frame = parsePublisherFrame(text);
    switch (frame.type) {
      case "ping":
        return this.#say(PONG);
      case "bad":
        return this.#refuse("bad_frame", frame.detail);
      case "publish":
        return this.#take(frame.ref, frame.messages, bytes);
    }
  }

  #take(ref: Ref, values: readonly unknown[], bytes: number): void {
    this.#unrepliedMessages += values.length;
    this.#unrepliedBytes += bytes;
    if (this.#unrepliedMessages > LIMITS.publishWindowMessages || this.#unrepliedBytes > LIMITS.publishWindowBytes) {
      const { publishWindowMessages, publishWindowBytes } = LIMITS;
      const detail = `At most ${publishWindowMessages} messages and ${publishWindowBytes} bytes may be without a reply: read the replies.`;
      return this.#refuse("window_exceeded", detail);
    }
    this.#queue.push({ ref, bytes, messages: values.map(published) });
    void this.#run();
  }

  /** Another took its place: what is under way is done, and its replies are lost. */
  replace(): void {
    this.#end({
      code: "replaced_by_newer",
      detail: "This user has too many publishers, and this one was quiet for longest.",
    });
  }

  #refuse(code: CloseErrorCode, detail: string): void {
    this.#over = true;
    this.#queue.push({ code, detail });
    void this.#run();
  }

  /** Synchronous up to its send, so that a frame joins the commit of the turn that it came in. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
        if ("code" in next) return this.#end(next);
        if (!(await this.#sendFrames(this.#ready()))) return;
        // Where more came meanwhile, still more is likely on its way: the next turn of the event loop gathers it.
        if (this.#queue.length > 0) await scheduler.wait(0);
      }
    } catch (error) {
      // Whether these are stored is not known (S13), and what came behind them must not overtake them.
      log("error", "publish_failed", thrown(error));
      this.#end({
        code: "internal",
        detail: "Something failed here, and was logged. Send again what has no reply, with the same ids.",
      });
    } finally {
      this.#running = false;
    }
  }

  /** Takes from the queue what can be sent now. */
  #ready(): readonly Frame[] {
    const end = this.#queue.findIndex((item) => "code" in item);
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end) as Frame[];
  }

  /** True where the next may follow. */
  async #sendFrames(frames: readonly Frame[]): Promise<boolean> {
    const checked = frames.flatMap(({ messages }) => messages);
    const messages = checked.flatMap((message) => (message.ok ? [message.value] : []));
    const replies = messages.length === 0 ? [] : await this.#send({ messages });
    let at = 0;
    const outcomes = checked.map((message) => {
      const reply = message.ok ? replies[at++] : message;
      if (reply === undefined) throw new Error("The Mailbox replied to fewer messages than it was sent.");
      return outcomeOf(reply);
    });
    at = 0;
    for (const { ref, messages: own, bytes } of frames) {
      const count = own.length;
      this.#say(publishedFrame(ref, outcomes.slice(at, at + count)));
      at += count;
      this.#unrepliedMessages -= count;
      this.#unrepliedBytes -= bytes;
    }
    if (!replies.some((reply) => !reply.ok && reply.code === "outbox_full")) return true;
    this.#end({
      code: "outbox_full",
      detail: "What came behind a message that found no room is not taken: send it again, in order, later.",
    });
    return false;
  }

  #end({ code, detail }: End): void {
    this.#over = true;
    this.#queue = [];
    this.#ended();
    this.#say(errorFrame(code, detail));
    try {
      this.#socket.serializeAttachment(null);
      this.#socket.close(closeCodeOf(code), code);
    } catch {
      // It has gone already.
    }
  }

  #say(text: string): void {
    try {
      this.#socket.send(text);
    } catch {
      // It has gone: to its sender what has no reply is not known (S13).
    }
  }
}
