/** A field of a form, under its name. */
import type { ComponentProps } from "preact";

interface InputFieldProps {
  readonly name: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** What else the element has. */
  readonly is?: ComponentProps<"input">;
}

export const InputField = ({ name, value, onChange, is }: InputFieldProps) => (
  <label>
    {name}
    <input
      {...is}
      value={value}
      spellcheck={false}
      autocapitalize="off"
      onInput={(event) => onChange(event.currentTarget.value)}
    />
  </label>
);
