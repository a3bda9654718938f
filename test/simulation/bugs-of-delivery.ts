/** From the acceptance of a message to its ack: what is sent to whom, and in which order. */
import { bug, type PlantedBug, rareBug } from "./planted-bug.ts";

export const DELIVERY_BUGS: readonly PlantedBug[] = [
  // ── Accepting ──
  bug("[S1] a reply before anything is stored", "outbox/accepting.ts", ["insert(tables, held);\n  return", "return"]),
  bug(
    "[S4] a twin of what has ended makes a second message",
    "outbox/accepting.ts",
    ["if (known === undefined) return undefined;", 'if (known?.status !== "queued") return undefined;'],
    [
      "if (id !== null) tables.receipts.add(id, seq);\n};\n\n/** Ends a",
      "if (id !== null && tables.receipts.find(id) === undefined) tables.receipts.add(id, seq);\n};\n\n/** Ends a",
    ],
  ),
  bug("[S6] a topic replaces what is acked", "outbox/accepting.ts", [
    'ofTopic(message.topic ?? "", tables.acked, now)',
    'ofTopic(message.topic ?? "", 0, now)',
  ]),
  bug(
    "[S8] what nobody has acked gives way to what is new",
    "outbox/accepting.ts",
    ["if (!possible) return false;", ""],
    ["oldestDelivered(tables.acked)", "oldestDelivered(Number.MAX_SAFE_INTEGER)"],
  ),
  rareBug(4613, "[S8] a send that is refused pushes out what is acked", "outbox/accepting.ts", [
    "if (!possible) return false;",
    "",
  ]),
  bug("[S8] room that acks have made is not seen", "delivery/sending.ts", [
    "if (desk.outbox.restsOnAcks(calls.flatMap(({ send }) => send.messages))) flush(desk, now);",
    "",
  ]),
  bug("[D7] requeueing takes out dead letters that found no room", "outbox/accepting.ts", [
    "letters.slice(0, requeued.length)",
    "letters",
  ]),
  bug("[D10] a seq is given out again after a crash", "outbox/sequence.ts", [
    'this.#facts.set("next_seq", this.#reserved);',
    "",
  ]),
  bug("[D10] a seq is given out again after an erasure", "outbox/sequence.ts", [
    "Math.max(this.#reserved, floor, now * PER_MS)",
    "Math.max(this.#reserved, now * PER_MS)",
  ]),

  // ── Sending on ──
  bug("[D1] what is sent is deleted", "delivery/streaming.ts", [
    "session.push(head.seq, head.bytes, now, { acceptedAt: head.acceptedAt });",
    "session.push(head.seq, head.bytes, now, { acceptedAt: head.acceptedAt }); desk.outbox.recall(head.seq, now);",
  ]),
  bug("[C7] a live message goes beyond the window", "delivery/session.ts", [
    "return this.#flight.length < this.window &&",
    "return",
  ]),
  bug("[C7] a backlog goes beyond the window", "delivery/session.ts", [
    "count: this.window - this.#flight.length",
    "count: this.window",
  ]),
  bug("[C2] caught_up too early", "delivery/streaming.ts", [
    "Math.max(session.sent, session.scanned) >= target",
    "session.sent >= 0",
  ]),
  bug("[C3] a message is skipped where a window was full", "delivery/streaming.ts", [
    "if (Math.max(session.sent, session.scanned) < before) continue;",
    "",
  ]),
  bug("[S5] ttl 0 is dropped although it was acked", "delivery/receiving.ts", [
    'if (ephemeral !== undefined) settleEphemeral(desk, ephemeral, "delivered", now);',
    'if (ephemeral !== undefined) settleEphemeral(desk, ephemeral, "dropped", now);',
  ]),
  bug("[D8] what has expired is sent", "outbox/messages.ts", [
    "if (head.seq > after && head.expiresAt > now) yield head;",
    "if (head.seq > after && head.expiresAt > now - 3_600_000) yield head;",
  ]),
  bug("[C4] a gap counts several losses as one", "outbox/losses.ts", [
    "SUM(expired) AS expired",
    "MAX(expired) AS expired",
  ]),

  // ── Connecting ──
  bug("[C1] resuming one too far", "delivery/attaching.ts", [
    "const start = Math.max(device.cursor,",
    "const start = Math.max(device.cursor === 0 ? 0 : device.cursor + 1,",
  ]),
  bug("[C5] an `after` beyond what there is is believed", "delivery/attaching.ts", [
    "Math.min(call.after ?? 0, outbox.highestSeq)",
    "(call.after ?? 0)",
  ]),
  rareBug(347, "[C6] a new device makes good what others have rejected", "delivery/attaching.ts", [
    "clearRejected(Math.max(device.acked, device.cursor), start, now)",
    "clearRejected(device.acked, start, now)",
  ]),
  bug("[D5] a new device starts after what nobody has acked", "outbox/readers.ts", [
    "cursor: tables.acked,",
    "cursor: tables.sequence.highest,",
  ]),
  bug("[D5] a new device starts with what others have acked", "outbox/readers.ts", [
    "cursor: tables.acked,",
    "cursor: 0,",
  ]),
  bug("[C4] a later device hears of losses before its time", "outbox/readers.ts", [
    "cleanFrom: isFirst ? 0 : now,",
    "cleanFrom: 0,",
  ]),
  bug("[U3] a revocation leaves a socket open", "delivery/backend-calls.ts", [
    'closeAll(desk, over, "token_revoked", now);',
    'closeAll(desk, over.slice(1), "token_revoked", now);',
  ]),
  bug("[U4] an erasure forgets that tokens are over", "outbox/outbox.ts", [
    'this.#tables.facts.set("revoked_at", revokedAt);',
    "",
  ]),

  // ── Acking ──
  bug("[C5] the cursor follows the fastest tab", "delivery/acks.ts", [
    "Math.min(...holding.map((s) => s.checkpoint))",
    "Math.max(...holding.map((s) => s.checkpoint))",
  ]),
  bug("[C5] a checkpoint is ignored", "delivery/receiving.ts", ["said.checkpoint ?? said.seq", "said.seq"]),
  bug("[C10, D9] an ack by POST is answered before it is recorded", "delivery/receiving.ts", [
    "flush(desk, now);\n  return { ok: true, acked",
    "return { ok: true, acked",
  ]),
  rareBug(722, "[C10, C9] a connection whose token is over takes an ack by POST", "delivery/attaching.ts", [
    "if (session === undefined || session.expiresAt <= now) {",
    "if (session === undefined) {",
  ]),
  bug("[C5] an ack beyond what was sent is taken", "delivery/receiving.ts", [
    "if (seq > session.sent) {\n    const detail = `Ack",
    "if (seq > session.sent + 1) {\n    const detail = `Ack",
  ]),
  bug("[D8] an ack delivers what is over", "delivery/receiving.ts", ["desk.outbox.sweepRange(before, seq, now);", ""]),
  bug("[S3] an ack does not end a wait", "delivery/receiving.ts", ["if (cleared || waitedFor ||", "if (cleared ||"]),
  bug("[D9] acks are lost with their connection", "delivery/closing.ts", ["flush(desk, now, new Set(leaving));", ""]),
  bug("[D9] acks are lost at a hibernation", "delivery/delivery.ts", [
    "if (session.acked > device.acked || lowest > device.cursor) noteUnrecorded(this.#desk, session, now);",
    "",
  ]),
  bug("[D1] what is un-acked is lost at a hibernation", "delivery/session.ts", [
    "session.#enter({ seq, firstSeq, bytes, sentAt, acceptedAt, count });",
    "",
  ]),
  bug("[D3] the first ack releases for all devices", "outbox/ending.ts", [
    "const through = Math.min(lowest ?? tables.acked, tables.acked);",
    "const through = tables.acked;",
  ]),

  // ── Direct delivery ──
  bug("[S1] what is in its grace is forgotten when its time is over", "delivery/direct.ts", [
    "for (const message of desk.direct.splice(0)) desk.outbox.insert(message);",
    "desk.direct.splice(0);",
  ]),
  rareBug(1029, "[D3] direct delivery is over with the first device's ack", "delivery/direct.ts", [
    "passed = Math.min(passed, session.checkpoint);",
    "passed = passed === Number.POSITIVE_INFINITY ? session.checkpoint : Math.max(passed, session.checkpoint);",
  ]),
  rareBug(4297, "[C5] direct delivery does not wait for the checkpoint", "delivery/direct.ts", [
    "passed = Math.min(passed, session.checkpoint);",
    "passed = Math.min(passed, session.acked);",
  ]),
  rareBug(1796, "[D5] direct delivery forgets the device that is away", "delivery/direct.ts", [
    ".every(({ name }) => connected.has(name))",
    ".some(({ name }) => connected.has(name))",
  ]),
  rareBug(4479, "[S4] a twin of what is in its grace is another message", "delivery/direct.ts", [
    "|| desk.direct.some(({ head }) => head.id === id)",
    "",
  ]),
  rareBug(1494, "[S4] the id of what was delivered directly is forgotten", "outbox/accepting.ts", [
    "endedAt: now, requeuedFrom: null });\n  if (id !== null) tables.receipts.add(id, seq);",
    "endedAt: now, requeuedFrom: null });",
  ]),
  bug("[S6] a topic does not replace what it should, as that goes directly", "delivery/direct.ts", [
    "if (topic !== undefined || (ttlMs",
    "if ((ttlMs",
  ]),
  bug("[S8] direct delivery needs no room", "delivery/direct.ts", [
    "desk.outbox.hasRoomFor(desk.direct.length + messages.length, bytes + bytesOf(desk.direct)) &&",
    "",
  ]),
  bug("[D2] another send goes before what is in its grace", "delivery/sending.ts", [
    "  storeDirect(desk, now);\n  if (desk.outbox.restsOnAcks",
    "  if (desk.outbox.restsOnAcks",
  ]),
  rareBug(7406, "[D9] an ack is recorded before what it acks is stored", "delivery/receiving.ts", [
    "    storeDirect(desk, now);\n    flush(desk, now);\n  }",
    "    flush(desk, now);\n  }",
  ]),
  rareBug(392, "[S10] the end of what was never stored is not entered", "outbox/journal.ts", [
    "let rest = this.#deferred.size === 0 ? ended : [...this.#deferred.values(), ...ended];",
    "let rest = ended;",
  ]),

  // ── What is due ──
  bug("[C9] no alarm for a token's end", "delivery/delivery.ts", ["due = Math.min(due, session.expiresAt);", ""]),
  bug(
    "[D9] no alarm for acks to be recorded",
    "delivery/delivery.ts",
    ["if (unrecorded.size > 0) due =", "if (0 > 1) due ="],
    ["let isBusy = sessions.size > 0 && now - ackedAt < STILL_BUSY_MS;", "let isBusy = false;"],
    ["isBusy ||= now - session.progressAt < STILL_BUSY_MS;", ""],
  ),
  bug("[D8] no alarm for what expires", "outbox/outbox.ts", [
    "messages.count === 0 ? Number.POSITIVE_INFINITY : messages.nextExpiry,",
    "Number.POSITIVE_INFINITY,",
  ]),
  bug("[D4] a reader that acks nothing is never closed", "delivery/delivery.ts", [
    'closeAll(this.#desk, late, "ack_timeout", now);',
    "",
  ]),
  bug("[D4] what is not acked is sent again on the open socket", "delivery/delivery.ts", [
    'closeAll(this.#desk, late, "ack_timeout", now);',
    "for (const s of late) for (const e of outbox.read(s.acked, 0, { count: 1, bytes: 1_000 }, now).entries) " +
      'if (e.kind === "message") this.#desk.frames(s, [JSON.stringify({ type: "messages", prev: s.sent, messages: [JSON.parse(e.text)] })]);',
  ]),
];
