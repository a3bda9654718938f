/** Where one is, where one can go, whom one looks for, and as whom. */
import { useEffect, useRef } from "preact/hooks";
import { isUser } from "../../protocol/identifiers.ts";
import { notify } from "./parts/notices.tsx";
import { go, linkToFront, linkToJobs, linkToUser, route } from "./route.ts";
import { session } from "./session.ts";

export const TopLine = () => {
  const at = route.value.at;
  const { name = "", scopes = [] } = session.value ?? {};
  return (
    <header class="top">
      <p class="brand">
        <img src="/console/icon.svg" alt="" width="22" height="22" />
        Restante
      </p>
      <nav class="places" aria-label="Console">
        <a href={linkToFront} aria-current={at === "front" ? "page" : undefined}>
          Overview
        </a>
        <a href={linkToJobs} aria-current={at === "jobs" ? "page" : undefined}>
          Jobs
        </a>
      </nav>
      <FindUser />
      <div class="operator">
        <p>
          <span class="sr-only">Key </span>
          <b>{name}</b> <span class="soft">{scopes.join(" · ")}</span>
        </p>
        <button type="button" class="quiet" onClick={() => session.end()}>
          Forget key
        </button>
      </div>
    </header>
  );
};

/** Any string is a user, spaces and all: it is taken as it stands. `/` goes there from anywhere. */
const FindUser = () => {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const find = (event: Event): void => {
    event.preventDefault();
    const user = field.current?.value ?? "";
    if (user === "") return;
    if (!isUser(user)) return notify("No user: 1 to 256 bytes, no control characters, and not . or ..", "failed");
    go(linkToUser(user));
    field.current?.blur();
  };
  const leave = (event: KeyboardEvent): void => {
    if (event.key === "Escape") field.current?.blur();
  };
  return (
    <search class="find">
      <form onSubmit={find}>
        <input
          ref={field}
          type="search"
          aria-label="Find a user, by the exact id"
          placeholder="Find a user: exact id"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          onKeyDown={leave}
        />
        <span class="key" aria-hidden="true">
          /
        </span>
      </form>
    </search>
  );
};

const isWriting = (target: EventTarget | null): boolean =>
  document.querySelector("dialog[open]") !== null ||
  (target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)));
