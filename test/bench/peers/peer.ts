/** What the other systems of the field have in common, whatever protocol they speak. */

export interface Peer {
  readonly name: string;
  /** What a confirm rests on. */
  readonly durable: string;
  /** Whether a confirm comes only after a sync. */
  readonly isSynced: boolean;
  /** Whether it keeps a backlog for a user who is away for as long as needed. */
  readonly holdsBacklog: boolean;
  readonly pid: number;
  /** Makes what holds a user's messages, before any is sent: a queue, a session, a consumer. */
  prepare(user: string): Promise<void>;
  /** `confirmed` is told of each message, or of how many at once. */
  sender(user: string, confirmed: (count: number) => void): Promise<PeerSender>;
  reader(user: string): Promise<PeerReader>;
}

export interface PeerSender {
  /** Publishes so many messages in one write, each to be confirmed. */
  publish(count: number): void;
  close(): void;
}

/** A client that parses and acks every message. */
export interface PeerReader {
  readonly received: number;
  close(): void;
}

/** Servers that run, and what they are. */
export interface Started {
  readonly version: string;
  /** What it cannot do that others are measured with. */
  readonly lacks?: string;
  readonly peers: readonly Peer[];
  stop(): Promise<void>;
}

/** One of the field that may be installed here, or not. */
export interface Installable {
  readonly name: string;
  /** How one gets it. */
  readonly install: string;
  isInstalled(): boolean;
  start(): Promise<Started>;
}
