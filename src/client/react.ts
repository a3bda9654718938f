"use client";

/**
 * `restante/react`: an inbox as a store, made once and outside of components, so that no message comes before its listener.
 *
 * ```tsx
 * import { createStore, useInbox, useStatus } from "restante/react";
 *
 * const chat = createStore<Events, string>({
 *   url: "https://restante.example.com",
 *   token: () => fetch("/restante-token").then((reply) => reply.text()),
 *   initial: "",
 *   reduce: (text, message) => (message.type === "agent_said" ? text + message.data.words : text),
 * });
 *
 * const Chat = () => <p title={useStatus(chat).state}>{useInbox(chat)}</p>;
 * ```
 */
import { useSyncExternalStore } from "react";
import { connect, type EventMap, type Inbox, type InboxOptions, type Message, type Status } from "./client.ts";

export interface StoreOptions<Events extends object, State>
  extends Omit<InboxOptions, "onStatus" | "signal" | "checkpoints"> {
  /** The state before the first message. */
  readonly initial: State;
  /** The next state; called once for each message, in order. What it throws counts as a handler's failure (C6). */
  readonly reduce: (state: State, message: Message<Events>) => State;
  /** After these the device's cursor may move (C5): a reload gets again what came since the last of them. Default: after each. */
  readonly isComplete?: (message: Message<Events>, state: State) => boolean;
}

export interface Store<State> {
  readonly getState: () => State;
  readonly getStatus: () => Status;
  /** Calls `listener` after each change; the first one connects, and some time after the last has gone it disconnects. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Connects at once: after `stopped`, or instead of waiting. */
  readonly reconnect: () => void;
}

/** StrictMode, hot reload and a change of page end a subscription and begin another: the connection outlives that. */
const LINGER_MS = 2_000;

const NOT_CONNECTED: Status = { state: "connecting", attempt: 0 };

/**
 * Makes a store. It connects when the first component uses it (never on a server), keeps its state when the last has gone,
 * and holds one connection however often components mount.
 */
export const createStore = <Events extends object = EventMap, State = readonly Message<Events>[]>(
  options: StoreOptions<Events, State>,
): Store<State> => {
  const { initial, reduce, isComplete, ...inboxOptions } = options;
  const listeners = new Set<() => void>();
  let state = initial;
  let inbox: Inbox<Events> | undefined;
  let lingering: ReturnType<typeof setTimeout> | undefined;
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const begin = () => {
    if (inbox !== undefined) return inbox.reconnect();
    inbox = connect<Events>({
      ...inboxOptions,
      ...(isComplete === undefined ? {} : { checkpoints: "manual" }),
      onMessage: (message) => {
        // Of the app's two functions either may throw, and is called again then: the state changes once both have passed.
        const next = reduce(state, message);
        const isDone = isComplete?.(message, next);
        state = next;
        if (isDone) inbox?.checkpoint(message.seq);
        changed();
      },
      onStatus: changed,
    });
  };
  return {
    getState: () => state,
    getStatus: () => inbox?.status ?? NOT_CONNECTED,
    subscribe: (listener) => {
      clearTimeout(lingering);
      listeners.add(listener);
      if (listeners.size === 1) begin();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) lingering = setTimeout(() => inbox?.close(), LINGER_MS);
      };
    },
    reconnect: () => inbox?.reconnect(),
  };
};

/**
 * The store's state, or what `select` takes of it; a component is drawn again where that has changed. `select` gives the same
 * object for the same state: one that makes a new one each time would draw without end.
 */
export function useInbox<State>(store: Store<State>): State;
export function useInbox<State, Selected>(store: Store<State>, select: (state: State) => Selected): Selected;
export function useInbox<State>(store: Store<State>, select: (state: State) => unknown = (state) => state): unknown {
  const get = () => select(store.getState());
  return useSyncExternalStore(store.subscribe, get, get);
}

/** The state of the connection. */
export const useStatus = (store: Store<unknown>): Status =>
  useSyncExternalStore(store.subscribe, store.getStatus, store.getStatus);
