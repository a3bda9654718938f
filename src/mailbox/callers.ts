/** Calls whose reply is held back: until their messages end, their time is over, or nobody waits any more (S3, S5, U1). */
import type { CallOutcome } from "../delivery/sending.ts";
import type { Refusal } from "../protocol/errors.ts";
import type { Sent, WaitId } from "../protocol/mailbox-api.ts";
import type { MessageState } from "../protocol/message.ts";
import type { QueuedSend } from "./group-commit.ts";

type Reply = Sent | Refusal;
type Timer = ReturnType<typeof setTimeout>;

interface Caller {
  readonly waitId: WaitId | undefined;
  readonly replies: Reply[];
  /** Messages that have not ended yet, by index, each with the timer that ends its wait. */
  readonly timers: Map<number, Timer>;
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (reason: unknown) => void;
}

export class Callers {
  readonly #byCall = new Map<number, Caller>();

  /** Replies, or holds the reply back; `over` gives a message's state once its wait is over. */
  hold(
    call: number,
    { send, resolve, reject }: QueuedSend,
    { replies, waits }: CallOutcome,
    over: (wait: { readonly call: number; readonly index: number; readonly seq: number }) => MessageState | undefined,
  ): void {
    if (waits.length === 0) return resolve(replies);
    const timers = new Map<number, Timer>();
    this.#byCall.set(call, { waitId: send.waitId, replies: [...replies], timers, resolve, reject });
    for (const { index, seq, forMs } of waits) {
      timers.set(
        index,
        setTimeout(() => this.settle(call, index, over({ call, index, seq })), forMs),
      );
    }
  }

  /** One message of a call needs no more waiting; `message` is its new state, where it has one. */
  settle(call: number, index: number, message: MessageState | undefined): void {
    const caller = this.#byCall.get(call);
    const timer = caller?.timers.get(index);
    if (caller === undefined || timer === undefined) return;
    clearTimeout(timer);
    caller.timers.delete(index);
    const reply = caller.replies[index];
    if (message !== undefined && reply?.ok === true) caller.replies[index] = { ...reply, message };
    if (caller.timers.size > 0) return;
    this.#byCall.delete(call);
    caller.resolve(caller.replies);
  }

  callOf(waitId: WaitId): number | undefined {
    for (const [call, caller] of this.#byCall) if (caller.waitId === waitId) return call;
    return undefined;
  }

  /** Nobody waits for this any more: replies with what is known. */
  letGo(call: number): void {
    const caller = this.#byCall.get(call);
    if (caller === undefined) return;
    this.#end(call, caller);
    caller.resolve(caller.replies);
  }

  /** The object has failed: what became of their messages is not known here (S13). */
  fail(reason: unknown): void {
    for (const [call, caller] of this.#byCall) {
      this.#end(call, caller);
      caller.reject(reason);
    }
  }

  #end(call: number, caller: Caller): void {
    for (const timer of caller.timers.values()) clearTimeout(timer);
    this.#byCall.delete(call);
  }
}
