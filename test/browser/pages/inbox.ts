/** A page with one inbox, made as the README shows it; each message is told once its handler is done with it. */
import { connect } from "../../../src/client/client.ts";
import { fetchToken, settings, shown, tell } from "./tell.ts";

const { url, token, checkpoints, busyMs = 0 } = settings;

/** The main thread stands still, as under a heavy page. */
const isBusy = (): void => {
  const until = performance.now() + busyMs;
  while (performance.now() < until);
};

/** Tries so far of each message whose type says how often its handler fails: `fails-2`. */
const tries = new Map<string, number>();
const stumbles = (id: string, type: string): void => {
  const fails = Number(/^fails-(\d+)$/.exec(type)?.[1] ?? 0);
  const tried = (tries.get(id) ?? 0) + 1;
  tries.set(id, tried);
  if (tried <= fails) throw new Error(`${id}, try ${tried}`);
};

const inbox = connect({
  url,
  token: token ?? fetchToken,
  ...(checkpoints === undefined ? {} : { checkpoints }),
  onMessage: ({ seq, id, type }) => {
    isBusy();
    stumbles(id, type);
    tell({ kind: "message", seq, id, type });
    // An answer is complete.
    if (checkpoints === "manual" && type === "completed") inbox.checkpoint(seq);
  },
  onGap: ({ seq }) => tell({ kind: "gap", seq }),
  onError: ({ code, seq }) => tell({ kind: "error", code, ...(seq === undefined ? {} : { seq }) }),
  onStatus: (status) => tell({ kind: "status", status: shown(status) }),
});

Object.assign(window, { inbox });
