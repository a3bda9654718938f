/** The tables of one Mailbox, each with what it keeps in memory, and the few facts that all of them turn on. */
import type { DeliverySettings } from "../settings/delivery.ts";
import { DeadLetters } from "./dead-letters.ts";
import { Devices } from "./devices.ts";
import { Facts } from "./facts.ts";
import { Losses } from "./losses.ts";
import { type Head, Messages } from "./messages.ts";
import { type Ended, Receipts } from "./receipts.ts";
import { migrate } from "./schema.ts";
import { Sequence } from "./sequence.ts";
import type { Sql } from "./sql.ts";

export class Tables {
  readonly sql: Sql;
  readonly settings: DeliverySettings;
  readonly facts: Facts;
  readonly sequence: Sequence;
  readonly messages: Messages;
  readonly losses: Losses;
  readonly deadLetters: DeadLetters;
  readonly receipts: Receipts;
  readonly devices: Devices;
  /** The highest seq that any connection has acked, as recorded: what lies at or below it and was not rejected is delivered. */
  acked: number;
  /** What was ended in the running turn. */
  readonly finished = new Map<number, Ended>();

  constructor(sql: Sql, settings: DeliverySettings) {
    migrate(sql);
    this.sql = sql;
    this.settings = settings;
    this.facts = new Facts(sql);
    this.sequence = new Sequence(this.facts);
    this.messages = new Messages(sql);
    this.losses = new Losses(sql);
    this.deadLetters = new DeadLetters(sql, settings);
    this.receipts = new Receipts(sql);
    this.devices = new Devices(sql);
    this.acked = Math.max(this.facts.get("acked_seq") ?? 0, this.devices.highestAcked);
  }

  /** Whether anybody has acked it, durably. */
  isAcked(message: Pick<Head, "seq" | "rejectReason">): boolean {
    return message.seq <= this.acked && message.rejectReason === null;
  }

  get revokedAt(): number {
    return this.facts.get("revoked_at") ?? -1;
  }
}
