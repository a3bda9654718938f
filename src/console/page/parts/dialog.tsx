/** Asks before something is done that cannot be undone. Esc and a press beside it leave all as it is. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Button } from "./button.tsx";

interface ConfirmProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** What the button says that does it. */
  readonly act: string;
  readonly kind?: "primary" | "danger";
  /** To be typed, letter for letter, before it can be done. */
  readonly typed?: string;
  readonly onConfirm: () => Promise<void> | void;
  readonly onClose: () => void;
}

export const Confirm = ({ title, children, act, kind = "danger", typed, onConfirm, onClose }: ConfirmProps) => {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    // What was pressed may be gone by then.
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const confirm = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isBusy || (typed !== undefined && text !== typed)) return;
    setIsBusy(true);
    await onConfirm();
    onClose();
  };
  const onBackdrop = (event: MouseEvent): void => {
    if (event.target === dialog.current && !isBusy) onClose();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc does the same
    <dialog ref={dialog} aria-labelledby={id} onCancel={onClose} onClick={onBackdrop}>
      <form onSubmit={confirm}>
        <h2 id={id}>{title}</h2>
        <div class="dialog-text">{children}</div>
        {typed === undefined ? null : (
          <label class="typed">
            Type the user’s id to confirm
            <input
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
            />
          </label>
        )}
        <div class="actions">
          <Button onPress={onClose}>Leave it</Button>
          <Button
            kind={kind}
            submits
            isBusy={isBusy}
            why={typed !== undefined && text !== typed ? "What is typed is not the user’s id." : undefined}
          >
            {act}
          </Button>
        </div>
      </form>
    </dialog>
  );
};
