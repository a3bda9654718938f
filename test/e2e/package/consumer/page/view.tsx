import { createStore, useInbox, useStatus } from "restante/react";
import type { Events } from "../events.ts";

const chat = createStore<Events, string>({
  url: "https://restante.example.com",
  token: () => fetch("/restante-token").then((reply) => reply.text()),
  initial: "",
  reduce: (text, message) => (message.type === "agent_completed" ? text + message.data.answer : text),
  // @ts-expect-error: the data of this event has no `answer`
  isComplete: (message) => message.type === "agent_started" && message.data.answer !== "",
});

export const Chat = () => <p title={useStatus(chat).state}>{useInbox(chat, (text) => text.length)}</p>;
