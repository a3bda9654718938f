/** What an action did, or why it could not: said where everybody sees it, and to who listens. */
import { signal } from "@preact/signals";
import type { Outcome } from "../api.ts";

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly kind: "done" | "failed";
}

const notices = signal<readonly Notice[]>([]);
let last = 0;

/** Good news goes by itself; a failure stays until it is read. */
const DONE_MS = 8_000;
const MOST = 4;

export const notify = (text: string, kind: Notice["kind"] = "done"): void => {
  last += 1;
  const id = last;
  notices.value = [...notices.value.slice(1 - MOST), { id, text, kind }];
  if (kind === "done") setTimeout(() => dismiss(id), DONE_MS);
};

/** What came of a call: `said` of its reply, or why there is none. */
export const tell = <T,>(outcome: Outcome<T>, said: (reply: T) => string): void => {
  if (outcome.ok) notify(said(outcome.value));
  else notify(outcome.detail, "failed");
};

const dismiss = (id: number): void => {
  notices.value = notices.value.filter((notice) => notice.id !== id);
};

export const Notices = () => (
  <div class="notices">
    <div role="status">{notices.value.filter(({ kind }) => kind === "done").map(shown)}</div>
    <div role="alert">{notices.value.filter(({ kind }) => kind === "failed").map(shown)}</div>
  </div>
);

const shown = ({ id, text, kind }: Notice) => (
  <p key={id} class={`notice ${kind}`}>
    <span>{text}</span>
    <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
      ×
    </button>
  </p>
);
