/** What a page under test tells of itself, and what it is told to do: the one thing that pages and tests share. */

/** Something that happened in a page, in the order in which it happened. */
export type Entry = { readonly load: number } & (
  | { readonly kind: "message"; readonly seq: number; readonly id: string; readonly type: string }
  | { readonly kind: "gap"; readonly seq: number }
  | { readonly kind: "status"; readonly status: ShownStatus }
  | { readonly kind: "error"; readonly code: string; readonly seq?: number }
  | { readonly kind: "rendered"; readonly what: string; readonly text: string }
);

type WithoutLoad<E> = E extends Entry ? Omit<E, "load"> : never;
/** As a page tells it: which load of the page it was is added on the way. */
export type Told = WithoutLoad<Entry>;

/** An inbox's status, of which errors keep their codes alone. */
export interface ShownStatus {
  readonly state: string;
  readonly connectionId?: string;
  readonly device?: string;
  readonly carrier?: string;
  readonly attempt?: number;
  /** The code of `cause` or `error`. */
  readonly code?: string;
}

/** In the page's query, as JSON. */
export interface PageSettings {
  /** Where Restante is. */
  readonly url: string;
  readonly user: string;
  /** Of the tokens that it fetches. */
  readonly ttlSeconds?: number;
  /** A token instead of what fetches one. */
  readonly token?: string;
  readonly checkpoints?: "manual";
  /** How long a handler keeps the page busy, in milliseconds; default: it is done at once. */
  readonly busyMs?: number;
}
