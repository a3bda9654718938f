/** The page's own elements, by id and kind: one that is missing is a fault of the page. */
export const byId = <Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind => {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} #${id}.`);
  return found;
};

/** An element with text or children in it. */
export const make = (tag: string, className: string, ...children: readonly (Node | string)[]): HTMLElement => {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
};

/** Makes a parent's children what is wanted, and leaves what stands there already: a reader's place, and a selection, stay. */
export const drawEach = (
  parent: Element,
  wanted: readonly { readonly key: string; readonly make: () => HTMLElement }[],
): void => {
  wanted.forEach(({ key, make }, index) => {
    const there = parent.children[index];
    if (there instanceof HTMLElement && there.dataset.key === key) return;
    const made = make();
    made.dataset.key = key;
    if (there === undefined) parent.append(made);
    else there.replaceWith(made);
  });
  while (parent.children.length > wanted.length) parent.lastElementChild?.remove();
};

/** Words for those who listen. */
export const spoken = (text: string): HTMLElement => make("span", "sr-only", text);
