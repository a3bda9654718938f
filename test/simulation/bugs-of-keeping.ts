/** What becomes of messages that are kept: their end, their place in the table, and all that is told of them. */
import { bug, type PlantedBug, rareBug } from "./planted-bug.ts";

export const KEEPING_BUGS: readonly PlantedBug[] = [
  // ── Ending ──
  bug("[S10] what is acked is recalled", "outbox/ending.ts", [
    "if (message === undefined || tables.isAcked(message)) return false;",
    "if (message === undefined) return false;",
  ]),
  bug("[D6] what is rejected is no dead letter", "outbox/ending.ts", [
    'if (end === "expired" || end === "rejected" ||',
    'if (end === "expired" ||',
  ]),
  bug("[C4] a loss leaves no gap", "outbox/ending.ts", ["if (loss === undefined) return;", "return;"]),
  bug("[C4] a loss is forgotten while somebody has not heard of it", "outbox/ending.ts", [
    "tables.losses.forgetThrough(lowest)",
    "tables.losses.forgetThrough(tables.acked)",
  ]),
  bug("[D6] one 4408 more than allowed", "delivery/closing.ts", [
    "strikes >= LIMITS.strikesMax",
    "strikes > LIMITS.strikesMax",
  ]),

  // ── Packs ──
  bug("[D1] the whole pack goes with its first release", "outbox/packs.ts", [
    "if (left.length === 0) emptied.add(pack.pack);",
    "if (left.length < all.length) emptied.add(pack.pack);",
  ]),
  bug("[C3] an entry is cut where its neighbour's begins", "outbox/packs.ts", [
    "const heads = place(messages, pack.chars + 1);",
    "const heads = place(messages, pack.chars);",
  ]),
  bug("[D8] a pack forgets that what is added is over sooner", "outbox/packs.ts", [
    "expiresAt: Math.min(pack.expiresAt, more.expiresAt),",
    "expiresAt: pack.expiresAt,",
  ]),
  bug("[C6] a rejection is not written", "outbox/packs.ts", [
    "this.#sql.exec(`UPDATE packs SET rejected = ?, fallback_at = ?, heads = ? WHERE pack = ?`, ...columns, pack.pack);",
    "",
  ]),
  rareBug(615, "[C6] a pack does not say that it has rejections", "outbox/packs.ts", [
    "const columns = [rejected, fallbackAt,",
    "const columns = [0, fallbackAt,",
  ]),
  bug("[D2] packs are looked for one too far", "outbox/packs.ts", [
    "if ((this.#packs[middle] as Pack).lastSeq > seq) high = middle;",
    "if ((this.#packs[middle] as Pack).pack > seq) high = middle;",
  ]),
  bug("[S6] a message is not found by its topic after a restart", "outbox/pack-heads.ts", [
    "topic: more?.topic ?? null,",
    "topic: null,",
  ]),
  bug("[S4] ids of what is held are not found after a restart", "outbox/receipts.ts", [
    "for (const { id, seq } of this.#messages.withIds()) if (id !== null) enter(read, idHash(id), seq);",
    "",
  ]),
  bug("[S4] ids of what has ended are not found after a restart", "outbox/receipts.ts", [
    "for (const ids of this.#journal.ids()) for (const [hash, seq] of pairs(ids)) enter(read, hash, seq);",
    "",
  ]),

  // ── Folding ──
  bug("[C3] messages of two topics are joined", "outbox/folding.ts", ["next.topic === last.topic &&", ""]),
  bug("[C3, D3] what a client may have already is joined with what it has not", "delivery/attaching.ts", [
    "foldsAbove: call.after === undefined ? 0 : gotBefore(desk, device, resumed),",
    "",
  ]),
  bug("[C3, D3] what a client may have of a connection that is open still is joined", "delivery/attaching.ts", [
    "return Math.max(device.sent, ...sent);",
    "return device.sent;",
  ]),
  bug("[C3] what is joined says the first one's seq", "outbox/reading.ts", [
    'return { kind: "message", seq: last.seq,',
    'return { kind: "message", seq: first.seq,',
  ]),
  bug("[C6] of what goes as one, only the last is rejected", "delivery/receiving.ts", [
    "const first = session.firstOf(seq);",
    "const first = seq;",
  ]),
  bug("[C6] what goes as one is forgotten to at a hibernation", "delivery/session.ts", [
    "if (firstSeq < seq) flight.push(firstSeq - seq);",
    "",
  ]),
  bug("[S6] a delta replaces those before it", "outbox/accepting.ts", [
    "const replaces = message.topic !== undefined && message.append !== true;",
    "const replaces = message.topic !== undefined;",
  ]),

  // ── Escalation ──
  bug("[N1] an ack does not call a fallback off", "outbox/messages.ts", [
    "deliveredAt: at, fallbackAt: null });",
    "deliveredAt: at });",
  ]),
  bug(
    "[N1] a fallback goes before the ack that came first is recorded",
    "delivery/delivery.ts",
    [
      "flush(this.#desk, now);\n    const all",
      "storeDirect(this.#desk, now);\n    const escalated = outbox.escalate(now);\n    flush(this.#desk, now);\n    const all",
    ],
    ["const escalated = outbox.escalate(now);\n    const forgot", "const forgot"],
  ),
  bug("[N1] a dead letter's fallback is never told of", "outbox/telling.ts", [
    "if (held.head.fallbackAt !== null) tellFallback(tables, held, now);",
    "",
  ]),
  bug("[N1] when it went to the webhook is not remembered", "outbox/messages.ts", [
    "fallbackAt: null, escalatedAt: at }",
    "fallbackAt: null }",
  ]),
  bug("[N2] what is rejected is not told of", "outbox/telling.ts", [
    "if (tables.settings.webhookEvents.includes(event))",
    'if (event !== "message.rejected" && tables.settings.webhookEvents.includes(event))',
  ]),
  bug("[N2] an end is told of that is not switched on", "outbox/telling.ts", [
    "if (tables.settings.webhookEvents.includes(event))",
    "if (tables.settings.webhookEvents.length > 0)",
  ]),
  bug("[D8] no alarm for a fallback", "outbox/outbox.ts", ["messages.nextFallback ?? Number.POSITIVE_INFINITY,", ""]),
  bug("[N1] a fallback is forgotten at a restart", "outbox/packs.ts", [
    "rejected, ids, topics, fallback_at)) FROM (SELECT",
    "rejected, ids, topics, NULL)) FROM (SELECT",
  ]),
  bug("[N1] a pack forgets the fallback of what is added", "outbox/packs.ts", [
    "fallbackAt: earlier(pack.fallbackAt, more.fallbackAt),",
    "fallbackAt: pack.fallbackAt,",
  ]),
  bug("[N1] a requeued message has no fallback", "outbox/accepting.ts", [
    "const again = { head: { ...head, requeuedFrom: letter.seq }, entry };",
    "const again = { head: { ...head, fallbackAt: null, requeuedFrom: letter.seq }, entry };",
  ]),
  bug("[N2] a webhook that failed twice is forgotten", "webhooks/queue.ts", [
    "if (outcome.ok) this.#sql.exec(`DELETE",
    "if (outcome.ok || attempts > 0) this.#sql.exec(`DELETE",
  ]),
  bug("[N2] a webhook is given up too soon", "webhooks/queue.ts", [
    "nextAttemptAt(attempts + 1,",
    "nextAttemptAt(attempts + 2,",
  ]),
  bug("[N2] one event has another id each time", "outbox/telling.ts", ["const id = `msg_", "const id = now + `_msg_"]),
  bug("[N1] a fallback is done with before the webhook's queue has it", "outbox/ending.ts", [
    "for (const held of tables.messages.wholes(heads)) tellFallback(tables, held, now);",
    "",
  ]),
  bug("[N1] of fallbacks that are due at once, only one goes", "outbox/ending.ts", [
    "for (const held of tables.messages.wholes(heads)) tellFallback(tables, held, now);",
    "for (const held of tables.messages.wholes(heads.slice(0, 1))) tellFallback(tables, held, now);",
  ]),
  bug(
    "[N2] a webhook leaves the queue as it is sent, not as it is taken",
    "webhooks/queue.ts",
    [
      "`SELECT n, id, event, seq, body, attempts FROM webhooks\n       WHERE next_at <= ?",
      "`DELETE FROM webhooks WHERE n IN (SELECT n FROM webhooks WHERE next_at <= ?",
    ],
    [
      "ORDER BY next_at, n LIMIT ?`,\n      now",
      "ORDER BY next_at, n LIMIT ?) RETURNING n, id, event, seq, body, attempts`,\n      now",
    ],
  ),
  bug(
    "[N2] a webhook comes again under another id",
    "webhooks/queue.ts",
    [
      "`SELECT n, id, event, seq, body, attempts FROM webhooks",
      "`SELECT n, id || '_' || attempts AS id, event, seq, body, attempts FROM webhooks",
    ],
    ["`DELETE FROM webhooks WHERE n = ? AND id = ?`", "`DELETE FROM webhooks WHERE n = ? AND id <> ? || '.'`"],
    ["fault = ? WHERE n = ? AND id = ?`", "fault = ? WHERE n = ? AND id <> ? || '.'`"],
  ),

  // ── Who needs a person, and bulk ──
  bug("[N5] a step takes more than its limit", "outbox/accepting.ts", [
    "if (requeued.length >= limit) break;",
    "if (requeued.length > limit) break;",
  ]),
  bug("[N5] a step takes what ended before", "outbox/dead-letters.ts", [
    "ended_at >= ? AND ended_at <= ?`, ...bindings, since, until]",
    "ended_at >= ? AND ended_at <= ?`, ...bindings, 0, until]",
  ]),
  rareBug(2516, "[N5] the last step is not the last", "delivery/backend-calls.ts", [
    "const more = left > 0 && requeued.length === limit;",
    "const more = left > 0;",
  ]),
  bug("[N5] what is requeued stays a dead letter, too", "outbox/accepting.ts", [
    "tables.deadLetters.remove(letters.slice(0, requeued.length).map((letter) => letter.seq));",
    "if (limit === Number.POSITIVE_INFINITY) tables.deadLetters.remove(letters.slice(0, requeued.length).map((letter) => letter.seq));",
  ]),
  bug("[N4] who has no dead letters any more stays in the list", "outbox/attention.ts", [
    "if (reasons !== reasonsIn(stamp)) facts.set(",
    "if ((reasons | reasonsIn(stamp)) !== reasonsIn(stamp)) facts.set(",
  ]),
  bug("[N4] who has one dead letter left leaves the list", "outbox/attention.ts", [
    "deadLetters.reasons |",
    "(deadLetters.count(now) > 1 ? deadLetters.reasons : 0) |",
  ]),
  bug("[N4] why somebody is in the list is not told again as it changes", "outbox/attention.ts", [
    "if (reasons !== reasonsIn(stamp)) facts.set(",
    "if ((reasons === 0) !== (reasonsIn(stamp) === 0)) facts.set(",
  ]),

  // ── Trails ──
  bug("[N3] of a connection that has ended nothing is told", "delivery/closing.ts", [
    "desk.outbox.trails.add(session.trail, ended);",
    "",
  ]),
  bug("[N3] what a connection was sent goes with the first of it", "outbox/trails.ts", [
    "this.#messages.mayHold(from, through) ? [] : slot",
    "this.#messages.mayHold(from, from) ? [] : slot",
  ]),
  bug("[N3] a trail goes through a connection that was sent a gap in the message's place", "outbox/stretches.ts", [
    "(s.sentAt === undefined || s.sentAt < expiresAt)",
    "(s.sentAt === undefined || expiresAt > 0)",
  ]),
  bug("[N3] what a connection has acked is forgotten at a hibernation", "delivery/session.ts", [
    "session.answered = new Answered(a, a.answered);",
    "",
  ]),
  bug("[N3] what is rejected is told of as acked", "delivery/tracing.ts", [
    'note(session, first - 1, seq, "rejected", now);',
    'note(session, first - 1, seq, "acked", now);',
  ]),
  bug("[N3] a device that has it says so in vain", "delivery/attaching.ts", [
    "traceAfter(session, Math.max(device.acked, device.cursor), now);",
    "",
  ]),
  bug("[N3] what others still need is forgotten with the ack", "delivery/tracing.ts", [
    "const isAlone = desk.sessions.size === 1 && desk.outbox.devices.count === 1;",
    "const isAlone = desk.sessions.size === 1;",
  ]),
  bug("[N3] a trail forgets when it was sent, once it is stored", "outbox/stretches.ts", [
    "sentAt: kind === HAD ? undefined : at + sentMs,",
    "sentAt: kind === HAD ? undefined : at,",
  ]),
  bug("[N3] a dead letter's trail goes on after its end", "outbox/trail.ts", [
    "steps.filter((step) => step.at <= until)",
    "steps",
  ]),
  rareBug(458, "[N3] the end of the connection that ends a message is not told", "delivery/closing.ts", [
    "for (const session of leaving) session.ended = ended;",
    "",
  ]),
  bug("[N3] what is requeued is told of as new", "outbox/trail.ts", [
    'requeuedFrom === null ? { at, event: "accepted" }',
    'requeuedFrom !== -1 ? { at, event: "accepted" }',
  ]),

  // ── Looking on ──
  bug("[N6] an end that is no delivery is not seen", "outbox/ending.ts", [
    "witness.seen?.push(...heads.map((head) => endOf(head, end)));",
    "",
  ]),
  bug("[N6] what was on its way is seen to be accepted again as it is stored", "outbox/accepting.ts", [
    "const { id, seq } = message.head;\n  tables.messages.insert(message);",
    'const { id, seq } = message.head;\n  tables.witness.seen?.push(acceptanceOf(message.head, { type: "t", bytes: 1 }));\n  tables.messages.insert(message);',
  ]),
  bug("[N6] what is sent is chained to the last ack", "delivery/streaming.ts", [
    "...session.name, prev, seq",
    "...session.name, prev: session.acked, seq",
  ]),
  bug("[N6] an ack in a rejection is not seen", "delivery/receiving.ts", [
    "session.ack(seq, seq, now);\n  noteProgress(desk, session);",
    "session.ack(seq, seq, now);",
  ]),
  rareBug(309, "[N6] a look does not count acks that are not recorded", "delivery/backend-calls.ts", [
    "desk.outbox.summary(Math.min(acked, ...devices.map((d) => d.cursor)), now)",
    "desk.outbox.summary(0, now)",
  ]),
  bug("[N6] a look stores what is on its way", "delivery/delivery.ts", [
    "backend.look(this.#desk, now)",
    "backend.look(this.#settled(now), now)",
  ]),
];
