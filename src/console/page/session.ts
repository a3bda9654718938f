/**
 * The operator's key and what it may do. It is kept for this tab alone, in its session storage, so that a reload does not ask again; never in
 * a URL, a cookie or a log.
 */
import { signal } from "@preact/signals";

type Scope = "send" | "manage" | "monitor";

interface Session {
  readonly key: string;
  /** What the deployment calls it. */
  readonly name: string;
  readonly scopes: readonly string[];
}

const PLACE = "restante.console.session";

const stored = (): Session | undefined => {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
};

const current = signal<Session | undefined>(stored());
/** Why the last one ended, where it was not the operator who ended it. */
export const endedBecause = signal<string | undefined>(undefined);

const keep = (next: Session | undefined): void => {
  current.value = next;
  try {
    if (next === undefined) sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, JSON.stringify(next));
  } catch {
    // A browser that stores nothing: then it is in memory alone, and a reload asks again.
  }
};

export const session = {
  get value(): Session | undefined {
    return current.value;
  },
  begin: (next: Session): void => {
    endedBecause.value = undefined;
    keep(next);
  },
  end: (because?: string): void => {
    endedBecause.value = because;
    keep(undefined);
  },
};

export const may = (scope: Scope): boolean => current.value?.scopes.includes(scope) === true;

/** Why an action is not offered; undefined where it is. */
export const notAllowed = (scope: Scope): string | undefined =>
  may(scope) ? undefined : `This key has no scope ${scope}.`;
