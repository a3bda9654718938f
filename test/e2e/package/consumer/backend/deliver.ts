/** `node deliver.ts URL API_KEY`: sends to a user who never connected, connects as that user, and prints what arrives. */
import { connect } from "restante/client";
import { createSender } from "restante/sender";
import type { Events } from "../events.ts";

const [, , url = "", key] = process.argv;
const user = "startup_test_032e17dc-25d9-430e-8a74-7b87b2a70064";
const sender = createSender<Events>({ url, key });

export const isNotSent = () =>
  // @ts-expect-error: a completed event has an answer, and no run
  sender.send(user, { type: "agent_completed", data: { run: "r1" } });

const sent = await sender.send(user, { type: "agent_started", data: { run: "r1" } });
const inbox = connect<Events>({
  url,
  token: () => sender.mintToken(user).then((minted) => minted.token),
  onMessage: (message) => {
    if (message.type !== "agent_started" || message.seq !== sent.seq) return;
    console.log(`${message.data.run} arrived`);
    inbox.close();
  },
});
