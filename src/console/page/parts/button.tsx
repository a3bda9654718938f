/** A button; one that this key may not press stays, and says why. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onPress?: () => void;
  readonly kind?: "plain" | "primary" | "danger" | "quiet" | "small";
  /** Why it cannot be pressed; undefined where it can. */
  readonly why?: string | undefined;
  /** It is being done: no second press. */
  readonly isBusy?: boolean;
  /** It submits its form. */
  readonly submits?: boolean;
  /** Its name, where its text is not enough. */
  readonly label?: string;
}

export const Button = ({ children, onPress, kind = "plain", why, isBusy = false, submits, label }: ButtonProps) => {
  const id = useId();
  const isOff = why !== undefined || isBusy;
  const press = (event: Event): void => {
    if (!isOff) return onPress?.();
    event.preventDefault();
  };
  // `disabled` would take it out of the keyboard's way, and its reason with it.
  return (
    <>
      <button
        type={submits === true ? "submit" : "button"}
        class={kind}
        onClick={press}
        aria-disabled={isOff || undefined}
        aria-busy={isBusy || undefined}
        aria-describedby={why === undefined ? undefined : id}
        aria-label={label}
        title={why}
      >
        {children}
      </button>
      {why === undefined ? null : (
        <span id={id} hidden>
          {why}
        </span>
      )}
    </>
  );
};
