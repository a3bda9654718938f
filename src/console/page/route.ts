/** Where in the console one is: it stands in the address's fragment, which no server sees. */
import { signal } from "@preact/signals";
import { RANGES, type Range } from "../../protocol/monitor-api.ts";

export type Route =
  /** Over how long the numbers go. */
  | { readonly at: "front"; readonly range: Range }
  | { readonly at: "user"; readonly user: string; readonly tab: UserTab }
  | { readonly at: "jobs" }
  | { readonly at: "nowhere" };

export const USER_TABS = ["live", "held", "dead-letters", "webhooks", "act"] as const;
export type UserTab = (typeof USER_TABS)[number];

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

const routeOf = (hash: string): Route => {
  const [first = "", second = "", third = "", ...more] = hash.replace(/^#?\/?/, "").split("/");
  const range = (Object.keys(RANGES) as Range[]).find((name) => name === (first || "15m"));
  if (range !== undefined && second === "" && third === "") return { at: "front", range };
  if (more.length > 0) return { at: "nowhere" };
  if (first === "jobs" && second === "") return { at: "jobs" };
  const user = first === "users" ? decoded(second) : undefined;
  const tab = third === "" ? "live" : USER_TABS.find((name) => name === third);
  if (user === undefined || user === "" || tab === undefined) return { at: "nowhere" };
  return { at: "user", user, tab };
};

/** Percent-encoded as in a path of the API: any string is a user. */
export const linkToUser = (user: string, tab: UserTab = "live"): string =>
  `#/users/${encodeURIComponent(user)}${tab === "live" ? "" : `/${tab}`}`;
export const linkToFront = "#/";
export const linkToRange = (range: Range): string => (range === "15m" ? linkToFront : `#/${range}`);
export const linkToJobs = "#/jobs";

export const route = signal<Route>(routeOf(location.hash));
addEventListener("hashchange", () => {
  route.value = routeOf(location.hash);
});

export const go = (link: string): void => {
  location.hash = link;
};
