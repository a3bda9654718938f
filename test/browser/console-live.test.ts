/** What happens to a user, in the console as it happens and afterwards; and that who looks on changes nothing of it. */
import type { Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { eventually } from "../proofs/clock.ts";
import type { Connection } from "../support/connection.ts";
import { expectAccessible, expectFitsPhone } from "./accessible.ts";
import { ConsoleGround, userLink } from "./console-ground.ts";

/** Each screen is looked over by axe, in light and in dark: some seconds each on a slow machine. */
vi.setConfig({ testTimeout: 120_000 });

let ground: ConsoleGround;
beforeAll(async () => {
  // While a page is looked over, a message waits for its ack longer than a device may take.
  ground = await ConsoleGround.start({ vars: { ACK_TIMEOUT_MS: "120000" } });
});
afterEach(() => ground.leave());
afterAll(() => ground?.stop());

/** Each line as it reads, in order, but for when it was. */
const linesOf = (list: Locator): Promise<readonly string[]> =>
  list.locator("li").evaluateAll((lines) =>
    lines.map((line) =>
      [...line.children]
        .filter((part) => part.localName !== "time")
        .map((part) => part.textContent)
        .join(" ")
        .replaceAll(/\s+/g, " ")
        .trim(),
    ),
  );
/** The page comes to read so. */
const reads = async (list: Locator, expected: readonly string[]): Promise<void> => {
  const is = async (): Promise<boolean> => (await linesOf(list)).join("\n") === expected.join("\n");
  await eventually("the page to read so", is, 15_000).catch(async () => expect(await linesOf(list)).toEqual(expected));
};
/** As the page has it: what stands behind the point, shortened. */
const shortOf = ({ established }: Connection): string =>
  established.connection_id.slice(established.connection_id.indexOf(".") + 1).slice(0, 8);

test("[N6] what happens is told line by line as it happens, and connections, devices and cursors are those of now", async () => {
  const user = "watched";
  const view = await ground.open(userLink(user));
  const { page } = view;
  const feed = page.getByRole("list", { name: "What happens, the newest first" });
  await page
    .getByRole("status")
    .filter({ hasText: /^live$/ })
    .waitFor();
  await page.getByText("Nothing has happened since you came.").waitFor();

  const phone = await ground.connect(user, { device: "phone" });
  const on = shortOf(phone);
  const connected = `connected phone ${on}`;
  await reads(feed, [connected]);
  const devices = page.getByRole("region", { name: "Devices" });
  await devices.getByRole("row", { name: /^phone the beginning connected/ }).waitFor();

  const sent = await ground.backend.send(user, {
    type: "order",
    id: "order-7",
    topic: "orders",
    data: { told: "to nobody but the user" },
  });
  const { seq } = sent.body;
  await phone.receive(1);
  const arrived = [
    `sent 1 message to phone up to ${seq} on ${on}`,
    `accepted order order-7 ${seq} topic orders`,
    connected,
  ];
  await reads(feed, arrived);
  expect(await page.content()).not.toContain("to nobody but the user");
  const connections = page.getByRole("region", { name: "Connections" });
  await connections.getByRole("row", { name: new RegExp(`^phone ${on} .* 1 / 256 nothing yet`) }).waitFor();
  await expectAccessible(page);
  await expectFitsPhone(page);

  phone.ack();
  const acked = [`acked up to ${seq} by phone on ${on}`, ...arrived];
  // An ack is recorded within 10 s, and its message ends then (D9).
  const ended = [`ended as delivered order-7 ${seq}`, ...acked];
  await reads(feed, ended);
  await connections.getByRole("row", { name: new RegExp(`^phone ${on} .* 0 / 256 ${seq}`) }).waitFor();
  await devices.getByRole("row", { name: new RegExp(`^phone ${seq} connected`) }).waitFor();

  // What is being read stays where it is.
  await view.press("Hold still");
  await phone.close();
  await page.getByText("Nobody is connected.").waitFor();
  expect(await linesOf(feed)).toEqual(ended);
  await view.press("Go on");
  await reads(feed, [`disconnected phone with 1000 ${on}`, ...ended]);
  await devices.getByRole("row", { name: new RegExp(`^phone ${seq} (now|\\d+ s ago)`) }).waitFor();
  // All of it came by the one stream.
  expect(view.asked.filter((url) => url.includes("/v1/users/"))).toEqual([
    `${ground.site.origin}/v1/users/${user}/live`,
  ]);
  expect(view.complaints).toEqual([]);
});

test("[N6, U1] a stream that breaks is opened again, and what is shown is said to be as it was", async () => {
  const user = "interrupted";
  await ground.backend.send(user, { type: "kept" });
  const view = await ground.open(userLink(user));
  await view.page.getByText(/^1\smessage ·/).waitFor();
  await ground.runtime.kill();
  await view.page.getByText("Not live: this is as it was.").waitFor();
  await view.page.getByText(/^1\smessage ·/).waitFor();
  await ground.runtime.restart();
  await ground.backend.send(user, { type: "kept, too" });
  await view.page.getByText(/^2\smessages ·/).waitFor({ timeout: 40_000 });
  await view.page.getByText("Not live: this is as it was.").waitFor({ state: "detached" });
  expect(view.complaints).toEqual([]);
});

test("[U1, S10, N6] who looks at all there is of a user attaches nothing, acks nothing, and changes nothing", async () => {
  const user = "left alone";
  await ground.reject(user, [{ type: "order", id: "o-1" }], "no");
  const phone = await ground.connect(user, { device: "phone" });
  await ground.backend.send(user, { type: "order", id: "o-2" });
  await phone.receive(1);
  await phone.settle();
  const before = (await ground.backend.user(user)).body;
  const held = (await ground.backend.list(user)).body;
  expect(before).toMatchObject({ held: { count: 1 }, dead_letters: 1, connections: [{ in_flight: 1 }] });

  const view = await ground.open(userLink(user));
  await view.page.getByText("Connected, 1 connection", { exact: true }).waitFor();
  for (const tab of ["Held", "Dead letters"]) {
    await view.tab(tab);
    await view.press("order");
    await view.page.getByRole("region", { name: "Trail" }).waitFor();
  }
  await view.tab("Webhooks");
  await view.page.getByText("Nothing is to be told.").waitFor();
  await view.tab("Act");
  await view.page.getByRole("region", { name: "Send a test message" }).waitFor();
  await view.page.reload();
  await view.page.getByText("Connected, 1 connection", { exact: true }).waitFor();

  expect((await ground.backend.user(user)).body).toEqual(before);
  expect((await ground.backend.list(user)).body).toEqual(held);
  await phone.settle();
  expect(phone.messages).toHaveLength(1);
  phone.ack();
  await phone.close();
  expect(view.complaints).toEqual([]);
});

test("[N3] a held message and a dead letter each show their trail, step by step, with who and why", async () => {
  const user = "trodden";
  const { seq } = (await ground.backend.send(user, { type: "order", id: "order-7" })).body;
  const steps = async (): Promise<number> => (await ground.backend.state(user, "order-7")).body.trail.length;
  const lost = await ground.connect(user, { device: "phone" });
  await lost.receive(1);
  await lost.cut();
  await eventually("the end of the connection is told", async () => (await steps()) === 3);
  const laptop = await ground.connect(user, { device: "laptop" });
  await laptop.receive(1);
  laptop.reject(seq, "no such order: \u202E7");
  await laptop.settle();

  const view = await ground.open(userLink(user, "held"));
  await view.press("order");
  const trail = view.page.getByRole("region", { name: "Trail" });
  const tried = [
    "accepted and stored",
    `sent to phone ${shortOf(lost)}`,
    `closed phone ${shortOf(lost)} with 1006, without an ack`,
    `sent to laptop ${shortOf(laptop)}`,
  ];
  await reads(trail, [...tried, `rejected by laptop ${shortOf(laptop)}: no such order: U+202E7`]);
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);
  await laptop.close();

  // It comes back, and cannot process it either: nobody is left.
  const phone = await ground.connect(user, { device: "phone" });
  await phone.receive(1);
  phone.reject(seq, "still none");
  await phone.settle();
  await view.tab("Dead letters");
  await view.press("order");
  await reads(trail, [
    ...tried,
    `rejected by laptop ${shortOf(laptop)}`,
    `sent to phone ${shortOf(phone)}`,
    `rejected by phone ${shortOf(phone)}: still none`,
  ]);
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);

  await view.press("Requeue");
  await view.said("Requeued 1 dead letter.");
  await phone.receive(1);
  await view.tab("Held");
  await view.press("order");
  await reads(trail, [`requeued from ${seq}`, `sent to phone ${shortOf(phone)}`]);
  await phone.close();
  expect(view.complaints).toEqual([]);
});
