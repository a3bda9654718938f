/** The tables of one Mailbox, each with what it keeps in memory, and the few facts that all of them turn on. */
import { Measured } from "../measures/measured.ts";
import type { DeliverySettings } from "../settings/delivery.ts";
import { WebhookQueue } from "../webhooks/queue.ts";
import { DeadLetters } from "./dead-letters.ts";
import { Devices } from "./devices.ts";
import { Facts } from "./facts.ts";
import { type Ended, Journal } from "./journal.ts";
import { Losses } from "./losses.ts";
import { type Head, Messages } from "./messages.ts";
import { Packs } from "./packs.ts";
import { Receipts } from "./receipts.ts";
import { migrate, SCHEMA_VERSION } from "./schema.ts";
import { Sequence } from "./sequence.ts";
import { first, type Sql } from "./sql.ts";
import { Trails } from "./trails.ts";
import { Witness } from "./witness.ts";

/** All that is read as a Mailbox wakes, in one query: what it holds is read as it is needed. */
const STORED = `SELECT (SELECT MAX(version) FROM migrations) AS version, ${Facts.STORED} AS facts, ${Packs.STORED} AS packs,
  ${Losses.STORED} AS losses, ${DeadLetters.STORED} AS dead_letters, ${Journal.STORED} AS journal, ${Devices.STORED} AS devices,
  ${WebhookQueue.STORED} AS webhooks, ${Trails.STORED} AS trails`;

type Stored = Readonly<
  Record<"facts" | "packs" | "losses" | "dead_letters" | "devices" | "webhooks" | "trails", string>
> & {
  readonly version: number | null;
  readonly journal: string | null;
};

/** Brings the tables to this release's schema where they are not: those of a newer one will do, which was rolled back (O2). */
const read = (sql: Sql): Stored => {
  let stored: Stored | undefined;
  try {
    stored = first(sql.exec<Stored>(STORED));
  } catch {
    // Tables are missing: this Mailbox is new, or was an older release's.
  }
  if ((stored?.version ?? 0) < SCHEMA_VERSION) {
    migrate(sql);
    stored = first(sql.exec<Stored>(STORED));
  }
  if (stored === undefined) throw new Error("A query without FROM yields a row.");
  return stored;
};

export class Tables {
  readonly sql: Sql;
  readonly settings: DeliverySettings;
  /** The Mailbox's own, which is a hash (A6). */
  readonly name: string;
  readonly facts: Facts;
  readonly sequence: Sequence;
  readonly messages: Messages;
  readonly losses: Losses;
  readonly deadLetters: DeadLetters;
  readonly journal: Journal;
  readonly receipts: Receipts;
  readonly devices: Devices;
  readonly webhooks: WebhookQueue;
  readonly trails: Trails;
  /** The highest seq that any connection has acked, as recorded: what lies at or below it and was not rejected is delivered. */
  acked: number;
  /** What was ended in the running turn. */
  readonly finished = new Map<number, Ended>();
  /** What was measured in the running turn (M1). */
  readonly measured = new Measured();
  /** What was seen in it by who looks on (N6). */
  readonly witness = new Witness();

  constructor(sql: Sql, settings: DeliverySettings, name: string) {
    const stored = read(sql);
    this.sql = sql;
    this.settings = settings;
    this.name = name;
    this.facts = new Facts(sql, JSON.parse(stored.facts));
    this.sequence = new Sequence(this.facts);
    this.messages = new Messages(new Packs(sql, JSON.parse(stored.packs)));
    this.losses = new Losses(sql, this.messages, JSON.parse(stored.losses));
    this.deadLetters = new DeadLetters(sql, settings, JSON.parse(stored.dead_letters));
    this.journal = new Journal(sql, stored.journal === null ? null : JSON.parse(stored.journal));
    this.receipts = new Receipts(this.messages, this.journal);
    this.devices = new Devices(sql, JSON.parse(stored.devices));
    this.webhooks = new WebhookQueue(sql, JSON.parse(stored.webhooks), (what) =>
      this.measured.count(`webhooks_${what}`),
    );
    this.trails = new Trails(sql, this.messages, JSON.parse(stored.trails));
    this.acked = Math.max(this.facts.get("acked_seq") ?? 0, this.devices.highestAcked);
  }

  /** Whether anybody has acked it, durably. */
  isAcked(message: Pick<Head, "seq" | "rejectReason">): boolean {
    return message.seq <= this.acked && message.rejectReason === null;
  }

  /** Whether a connection was open at some time since, as far as is known: a device that is away was last seen at its end. */
  wasConnectedSince(instant: number): boolean {
    for (const device of this.devices.all()) if (device.open || device.lastSeenAt >= instant) return true;
    return false;
  }

  get revokedAt(): number {
    return this.facts.get("revoked_at") ?? -1;
  }
}
