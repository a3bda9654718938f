import type { Backend } from "./backend.ts";

/**
 * The outbox and the cursors, as text: all that a frame could change, but for when the device was last seen, and what is told of the
 * connection itself (`sent_to`, `trail`).
 */
export const outboxState = async (backend: Backend, user: string): Promise<string> => {
  const [state, list, dead] = [await backend.user(user), await backend.list(user), await backend.deadLetters(user)];
  const cursors = state.body.devices.map((d: { device: string; cursor: number }) => [d.device, d.cursor]);
  const messages = list.body.messages.map(
    ({ sent_to: _, trail: __, ...message }: { sent_to: number; trail: unknown }) => message,
  );
  return JSON.stringify([state.body.held, cursors, messages, dead.body]);
};
