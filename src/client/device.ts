/** The device that this browser is: an id kept in storage, so that a reload, or a visit tomorrow, continues where it was (D5). */

const KEY = "restante.device";

/** Undefined where there is no storage, as in Node or a locked-down page: the server then takes the device `default`. */
export const storedDevice = (): string | undefined => {
  try {
    const known = localStorage.getItem(KEY);
    if (known !== null) return known;
    const device = crypto.randomUUID();
    localStorage.setItem(KEY, device);
    // Another tab may have been quicker: what stands there now is what every tab will read.
    return localStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
};
