import { connect, InboxError, type Message } from "restante/client";
import type { Events } from "../events.ts";

const inbox = connect<Events>({
  url: "https://restante.example.com",
  token: () => fetch("/restante-token").then((reply) => reply.text()),
  onMessage: (message) => {
    if (message.type !== "agent_completed") return show(message.data.run);
    show(message.data.answer.repeat(message.data.tokens));
    // @ts-expect-error: this is of another event
    show(message.data.run);
  },
  onError: (error) => show(error instanceof InboxError ? error.code : ""),
  onStatus: (status) => {
    if (status.state === "waiting") show(new Date(status.retryAt).toISOString());
  },
});

const show = (text: string): void => {
  document.body.append(text);
};

export const isOver = (message: Message<Events>): boolean => {
  // @ts-expect-error: there is no such event
  if (message.type === "agent_vanished") return true;
  return message.type === "agent_completed";
};

// @ts-expect-error: without it, messages could come before anybody listens
connect<Events>({ url: "https://restante.example.com", token: "…" });

export const leave = (): void => inbox.close();
