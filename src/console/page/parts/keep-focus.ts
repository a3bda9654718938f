/**
 * The focus does not fall out of the page with what had it: where a row is gone that was just requeued, it goes to what the row stood in, and
 * who works by the keyboard or listens goes on from there.
 */

let last: Element | undefined;
/** What it stands in, from the nearest on. */
let around: readonly HTMLElement[] = [];

const onFocus = ({ target }: FocusEvent): void => {
  if (!(target instanceof Element)) return;
  last = target;
  around = ["section", "main"].flatMap((name) => target.closest<HTMLElement>(name) ?? []);
};

const onChange = (): void => {
  if (last === undefined || last.isConnected || document.activeElement !== document.body) return;
  last = undefined;
  const place = around.find((element) => element.isConnected) ?? document.getElementById("main");
  if (place === null) return;
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
};

export const keepFocus = (): void => {
  addEventListener("focusin", onFocus);
  new MutationObserver(onChange).observe(document.body, { childList: true, subtree: true });
};
