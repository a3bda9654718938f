/**
 * Tells the index of those who need a person what this Mailbox is in (N4). What is still to be told is stored; here is only what is
 * under way, so that a crash between the two tells it again. The index takes the latest version, whatever comes when.
 */
import { log, thrown } from "../log.ts";
import type { PendingAttention } from "../outbox/attention.ts";
import { attentionShardOf } from "../protocol/attention.ts";
import type { MonitorApi } from "../protocol/monitor-api.ts";
import type { Environment } from "../settings/environment.ts";
import { jurisdictionOf } from "../settings/jurisdiction.ts";
import type { Turns } from "./turns.ts";

/** After a failure, and as long as a call is under way: by then it is answered, or the object was lost. */
const AGAIN_MS = 10_000;

export class AttentionTeller {
  readonly #env: Environment;
  readonly #mailbox: string;
  readonly #turns: Turns;
  #isUnderWay = false;
  #notBefore = 0;

  constructor(env: Environment, mailbox: string, turns: Turns) {
    this.#env = env;
    this.#mailbox = mailbox;
    this.#turns = turns;
  }

  /** When an alarm has to see to it; undefined where the index knows all. */
  wakeAt(now: number): number | undefined {
    if (this.#pending() === undefined) return undefined;
    return this.#isUnderWay ? now + AGAIN_MS : Math.max(this.#notBefore, now);
  }

  start(): void {
    const pending = this.#pending();
    if (pending === undefined || this.#isUnderWay || this.#turns.core().clock.now() < this.#notBefore) return;
    this.#isUnderWay = true;
    void this.#tell(pending);
  }

  #pending(): (PendingAttention & { readonly user: string }) | undefined {
    const { outbox } = this.#turns.core();
    const pending = outbox.attention.pending;
    // A reserved Mailbox is nobody's. Who it is is said by the next call, where an older release has not stored it.
    if (pending === undefined || this.#mailbox.startsWith("sys:")) return undefined;
    const user = outbox.owner ?? (pending.reasons === 0 ? "" : undefined);
    return user === undefined ? undefined : { ...pending, user };
  }

  async #tell({ stamp, version, reasons, user }: PendingAttention & { readonly user: string }): Promise<void> {
    try {
      await this.#index().attend({ mailbox: this.#mailbox, user, version, reasons });
      this.#isUnderWay = false;
      this.#turns.turn(() => this.#turns.core().outbox.attention.told(stamp));
    } catch (error) {
      this.#isUnderWay = false;
      this.#notBefore = this.#turns.core().clock.now() + AGAIN_MS;
      log("warn", "attention_not_told", { mailbox: this.#mailbox, ...thrown(error) });
    }
  }

  #index(): MonitorApi {
    const namespace = this.#env.MONITOR as DurableObjectNamespace;
    const jurisdiction = jurisdictionOf(this.#env);
    const placed = jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
    return placed.getByName(attentionShardOf(this.#mailbox)) as unknown as MonitorApi;
  }
}
