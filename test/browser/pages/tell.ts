/** How a page tells the test what happens in it. */
import type { Status } from "../../../src/client/client.ts";
import type { Entry, PageSettings, ShownStatus, Told } from "../record.ts";

declare global {
  interface Window {
    /** The test's end of the line. */
    told(place: number, entry: Entry): Promise<void>;
  }
}

/** Tells one load of a page from the next. */
const load = performance.timeOrigin;
const stored = (place: number): Entry => JSON.parse(sessionStorage.getItem(String(place)) ?? "null");

let places = sessionStorage.length;

/** What a page tells as it is being left may not get out: it is kept with the tab, and told again by whoever comes next. */
const tellAgain = (): void => {
  const last = places === 0 ? undefined : stored(places - 1).load;
  for (let place = places - 1; place >= 0 && stored(place).load === last; place -= 1) {
    void window.told(place, stored(place));
  }
};
tellAgain();
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) tellAgain();
});

export const tell = (told: Told): void => {
  const entry = { ...told, load };
  sessionStorage.setItem(String(places), JSON.stringify(entry));
  void window.told(places, entry);
  places += 1;
};

export const shown = (status: Status): ShownStatus => {
  const { state } = status;
  if (state === "waiting") return { state, attempt: status.attempt, code: status.cause.code };
  if (state === "stopped") return status.error === undefined ? { state } : { state, code: status.error.code };
  if (state === "connecting") return { state, attempt: status.attempt };
  if (state === "offline") return { state };
  const { connectionId, device, carrier } = status;
  return { state, connectionId, device, carrier };
};

export const settings = JSON.parse(new URL(location.href).searchParams.get("settings") ?? "{}") as PageSettings;

/** As an app has it: from a backend of its own. */
export const fetchToken = async (): Promise<string> => {
  const query = new URLSearchParams({ user: settings.user, ttl: String(settings.ttlSeconds ?? "") });
  const reply = await fetch(`/token?${query}`);
  if (!reply.ok) throw new Error(`No token: ${reply.status}`);
  return reply.text();
};
