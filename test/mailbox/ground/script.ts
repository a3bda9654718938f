/** A day in a user's life, in which as much as possible is under way between any two steps. */
import { clock, SECOND_MS } from "./clock.ts";
import type { Step } from "./stage.ts";

export const SCRIPT: readonly Step[] = [
  ["send to nobody", (s) => s.send("m1", { id: "one" })],
  ["send with a topic", (s) => s.send("m2", { topic: "progress" })],
  ["send with a short ttl", (s) => s.send("m3", { ttl: 20 })],
  [
    "send two more",
    async (s) => {
      await s.send("m4");
      await s.send("m5", { id: "five" });
    },
  ],
  ["the phone attaches with a window of two", (s) => s.attach("phone", { device: "phone", window: 2 })],
  ["a twin", async (s) => s.note("twin", await s.user.send({ type: "m1", id: "one" }))],
  ["a topic replaces what is in flight", (s) => s.send("m6", { topic: "progress" })],
  [
    "an ack moves the window",
    async (s) => {
      await s.ack("phone", s.seq("m1"));
      await s.client("phone").received(3);
    },
  ],
  ["the laptop attaches", (s) => s.attach("laptop", { device: "laptop", window: 3 })],
  ["the phone opens a second tab", (s) => s.attach("tab", { device: "phone" })],
  [
    "the phone acks, and checkpoints less",
    async (s) => {
      await s.ack("phone", s.seq("m3"), s.seq("m1"));
      await s.client("phone").received(5);
    },
  ],
  ["recall what nobody has acked", async (s) => s.note("recall", await s.user.recall("five"))],
  ["recall what is acked", async (s) => s.note("recall", await s.user.recall("one"))],
  [
    "the laptop rejects",
    async (s) => {
      s.client("laptop").json({ type: "reject", seq: s.seq("m4"), reason: "unknown type" });
      await s.client("laptop").caughtUp();
    },
  ],
  ["the tab acks all", async (s) => s.ack("tab")],
  [
    "look at the user",
    async (s) => {
      const { body, ...reply } = await s.user.get();
      // Connections come in no promised order, and the model run alone pings.
      const connections = body.connections
        .map(({ connection_id, ...c }) => JSON.stringify({ ...c, pinged_at: undefined, connection_id }))
        .sort();
      // When an ack was recorded is no promise but within 10 s (D9).
      const devices = body.devices.map(({ device, cursor, connected }) => `${device} ${cursor} ${connected}`).sort();
      s.note("user", { ...reply, body: { ...body, connections, devices } });
    },
  ],
  [
    "ttl 0 that is acked",
    async (s) => {
      const sent = s.send("now", { ttl: 0 }, 5);
      const { seq } =
        (await s.client("tab").nth("messages", s.client("tab").of("messages").length + 1)).messages[0] ?? {};
      await s.ack("tab", seq);
      await sent;
    },
  ],
  ["ttl 0 that nobody acks", (s) => s.send("lost", { ttl: 0, id: "lost" }, 0.02)],
  [
    "messages fill the phone's window",
    async (s) => {
      await s.send("m7", { ttl: 10 });
      await s.send("m8", { ttl: 10, id: "eight" });
      await s.send("m9");
    },
  ],
  ["two expire", async () => clock.advance(10 * SECOND_MS)],
  [
    "the phone acks, and hears of a gap",
    async (s) => {
      await s.ack("phone");
      await s.client("phone").nth("gap", 1);
    },
  ],
  ["the alarm", (s) => s.user.alarm()],
  ["the state of what has expired", async (s) => s.note("state", await s.user.state("eight"))],
  ["the laptop goes", (s) => s.client("laptop").close()],
  ["send while it is away", (s) => s.send("m10")],
  ["it comes back, without its memory", (s) => s.attach("laptop again", { device: "laptop" })],
  ["the phone's first tab goes", (s) => s.client("phone").close()],
  ["it comes back with its memory", (s) => s.attach("phone again", { device: "phone", after: s.seq("m9"), window: 1 })],
  [
    "two wait behind its window",
    async (s) => {
      await s.send("m11", { id: "eleven" });
      await s.send("m12");
    },
  ],
  ["a third device, of window one", (s) => s.attach("watch", { device: "watch", window: 1 })],
  [
    "a late joiner whose last messages are recalled",
    async (s) => {
      await s.send("m13", { id: "thirteen" });
      await s.attach("slow", { device: "watch", window: 1 });
      s.note("recall", await s.user.recall("thirteen"));
      s.note("recall", await s.user.recall("eleven"));
    },
  ],
  [
    "everybody acks",
    async (s) => {
      for (const name of ["laptop again", "phone again", "watch", "slow", "tab"]) await s.ack(name);
    },
  ],
  [
    "everybody acks again",
    async (s) => {
      for (const name of ["laptop again", "phone again", "watch", "slow", "tab"]) await s.ack(name);
    },
  ],
  ["the dead letters", async (s) => s.note("dead letters", await s.user.deadLetters())],
  ["requeue what expired", async (s) => s.note("requeue", await s.user.requeue("?reason=expired"))],
  [
    "the tab's token is prolonged",
    async (s) => {
      s.note("prolong", await s.user.prolong(s.client("tab").id, await s.user.token()));
    },
  ],
  [
    "the watch sends nonsense",
    async (s) => {
      s.client("watch").text("nonsense");
      await s.client("watch").closed();
    },
  ],
  ["the alarm, once more", (s) => s.user.alarm()],
  ["what is held", async (s) => s.note("held", await s.user.held())],
  [
    "all tokens are revoked",
    async (s) => {
      s.note("revoke", await s.user.revoke());
      for (const name of ["tab", "slow", "phone again", "laptop again"]) await s.client(name).closed();
    },
  ],
  ["a new token", (s) => s.attach("after all", { device: "phone" })],
  [
    "the user is erased",
    async (s) => {
      s.note("erase", await s.user.erase());
      await s.client("after all").closed();
    },
  ],
  ["and written to again", (s) => s.send("m14", { id: "one" })],
  ["and connects again", (s) => s.attach("reborn", { device: "phone" })],
];
