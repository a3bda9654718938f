/**
 * What one user, one message and one connection may take (the contract's table of limits).
 *
 * These are the protocol's own numbers. What a deployment may change stands in `settings/`, with these as defaults.
 */
const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

export const LIMITS = {
  userMaxBytes: 256,
  typeMaxChars: 128,
  idMaxChars: 128,
  topicMaxChars: 128,
  rejectReasonMaxChars: 1_000,

  /** `{"type":…,"data":…}` in UTF-8, as the server writes it. */
  messageMaxBytes: 256 * KIB,
  /** A request's raw body: a message at its limit, with room for white space and escapes. */
  bodyMaxBytes: 1 * MIB,
  /** A batch's (S9): its messages, and its raw body. */
  batchMaxMessages: 1_000,
  batchMaxBytes: 10 * MIB,
  /** Arrays and objects inside one another in a body: more is no data, and would overflow the stack of who writes it. */
  jsonMaxDepth: 64,

  clientFrameMaxBytes: 16 * KIB,
  clientFramesPerSecond: 100,
  /** A frame of several messages stays below this; one message that is larger travels alone. */
  serverFrameMaxBytes: 64 * KIB,

  windowMaxMessages: 256,
  windowMaxBytes: 1 * MIB,

  /** Of a publisher (P): a frame's `ref` and raw text; what it may send ahead of the replies; and how many a user has. */
  refMaxChars: 128,
  publishFrameMaxBytes: 1 * MIB,
  publishWindowMessages: 4_096,
  publishWindowBytes: 4 * MIB,
  publishersMax: 64,

  /** Of operators who look on (N6): how many a user has, and frames that one has not read yet, and bytes, beyond which it is let go. */
  observersMax: 8,
  liveWindowFrames: 2_048,
  liveWindowBytes: 4 * MIB,

  outboxMaxMessages: 10_000,
  outboxMaxBytes: 64 * MIB,
  devicesMax: 32,
  connectionsMax: 32,
  waitersMax: 1_000,

  ttlDefaultMs: 7 * DAY_MS,
  ttlMaxMs: 30 * DAY_MS,
  tokenTtlDefaultMs: 1 * HOUR_MS,
  tokenTtlMaxMs: 24 * HOUR_MS,
  /** How far the clock of who signs a token may be ahead of this one. */
  tokenClockSkewMs: 60 * SECOND_MS,
  waitMaxMs: 30 * SECOND_MS,
  /** How long a `ttl: 0` message waits for an ack where its sender does not say (S5). */
  ephemeralWaitMs: 1 * SECOND_MS,

  deadLettersMax: 1_000,
  deadLetterTtlMs: 30 * DAY_MS,
  deviceTtlMs: 30 * DAY_MS,
  /** How long the end of a message, and its sender's id, are known after it has ended (S4, S10). */
  receiptTtlMs: 24 * HOUR_MS,
  receiptsMin: 100_000,

  ackTimeoutMs: 20 * SECOND_MS,
  heartbeatMs: 30 * SECOND_MS,
  /** Consecutive 4408 ends of one device's connections on the same first un-acked message (D6). */
  strikesMax: 5,
  /** From when on a user needs a person (N4): 4408 ends in a row of one device; a message held un-acked while connected. */
  timeoutsInARow: 3,
  heldTooLongMs: 15 * 60 * SECOND_MS,
  /** Of trails (N3): the newest connections that have ended, of all that is held; and of one trail, its first step and the newest. */
  trailConnectionsMax: 64,
  trailStepsMax: 64,

  pageMax: 1_000,
  pageDefault: 100,
  /** A page of whole messages ends here, though one always fits: it must pass through an RPC of at most 32 MiB. */
  pageMaxBytes: 8 * MIB,
} as const;
