/**
 * Group commit: sends that arrive while a commit is on its way to the disk share the next one.
 *
 * A sync of the disk is what a durable send costs; shared by all who wait for it, it costs each of them next to nothing.
 */
import type { Refusal } from "../protocol/errors.ts";
import type { SendCall, Sent } from "../protocol/mailbox-api.ts";

export interface QueuedSend {
  readonly send: SendCall;
  readonly resolve: (replies: readonly (Sent | Refusal)[]) => void;
  readonly reject: (reason: unknown) => void;
}

export class GroupCommit {
  readonly #commit: (group: readonly QueuedSend[]) => boolean;
  readonly #synced: () => Promise<void>;
  #queue: QueuedSend[] = [];
  #running = false;
  #lastGroup = 0;

  /**
   * `commit` deals with a group in one turn and sees to its replies; true where it has written something. `synced` resolves once
   * that is on the disk.
   */
  constructor(commit: (group: readonly QueuedSend[]) => boolean, synced: () => Promise<void>) {
    this.#commit = commit;
    this.#synced = synced;
  }

  add(send: SendCall): Promise<readonly (Sent | Refusal)[]> {
    const replies = this.#enqueue(send);
    // A lone sender's send is committed at once. Where the last commit was shared, others are likely on their way: the
    // next turn of the event loop gathers them.
    this.#start(this.#lastGroup > 1);
    return replies;
  }

  /** Those that were gathered elsewhere already. */
  addAll(sends: readonly SendCall[]): readonly Promise<readonly (Sent | Refusal)[]>[] {
    const replies = sends.map((send) => this.#enqueue(send));
    this.#start(sends.length === 1 && this.#lastGroup > 1);
    return replies;
  }

  #enqueue(send: SendCall): Promise<readonly (Sent | Refusal)[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ send, resolve, reject });
    });
  }

  #start(inTheNextTurn: boolean): void {
    if (this.#running) return;
    this.#running = true;
    if (inTheNextTurn) setTimeout(() => this.#run(), 0);
    else void this.#run();
  }

  /** Takes over what is queued: its caller sees to the replies. */
  takeQueued(): readonly QueuedSend[] {
    return this.#queue.splice(0);
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.takeQueued();
      this.#lastGroup = group.length;
      try {
        if (this.#commit(group)) await this.#synced();
        // Where some came meanwhile, more are likely on their way: the next turn of the event loop gathers them.
        if (this.#queue.length > 0) await scheduler.wait(0);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = false;
  }
}
