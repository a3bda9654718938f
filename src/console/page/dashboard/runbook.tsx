/** OPERATIONS.md, section by section, in the page itself: a deployment does not serve the file, and who is woken at night should not look for it. */

import runbook from "restante:operations";
import { useState } from "preact/hooks";

/** What an alert's section says; a link to another section opens that one in its place. */
export const Runbook = ({ section }: { readonly section: string }) => {
  const [open, setOpen] = useState(section);
  const blocks = runbook[open] ?? [];
  return (
    <div class="runbook">
      {open === section ? null : (
        <p>
          <button type="button" class="quiet" onClick={() => setOpen(section)}>
            ← back
          </button>{" "}
          <b>{open}</b>
        </p>
      )}
      {blocks.map((block, n) => shown(block, n, setOpen))}
    </div>
  );
};

const shown = (node: RunbookNode, key: number, open: (section: string) => void): preact.ComponentChild => {
  if (typeof node === "string") return node;
  const { tag, href, children } = node;
  const inside = children.map((child, n) => shown(child, n, open));
  switch (tag) {
    case "p":
      return <p key={key}>{inside}</p>;
    case "ul":
      return <ul key={key}>{inside}</ul>;
    case "li":
      return <li key={key}>{inside}</li>;
    case "b":
      return <b key={key}>{inside}</b>;
    case "code":
      return <code key={key}>{inside}</code>;
    case "a":
      return (
        <a key={key} href={href ?? ""} target="_blank" rel="noreferrer">
          {inside}
        </a>
      );
    case "section":
      return (
        <button key={key} type="button" class="link" onClick={() => open(href ?? "")}>
          {inside}
        </button>
      );
  }
};
