/** Takes a text to the clipboard, as it is and not as it is shown. */
import { Button } from "./button.tsx";
import { notify } from "./notices.tsx";

interface CopyProps {
  readonly text: string;
  readonly what: string;
}

export const Copy = ({ text, what }: CopyProps) => (
  <Button kind="small" label={`Copy ${what}`} onPress={() => void copy(text, what)}>
    Copy
  </Button>
);

const copy = async (text: string, what: string): Promise<void> => {
  try {
    await navigator.clipboard.writeText(text);
    notify(`Copied ${what}.`);
  } catch {
    // Without https, or where the browser was told not to.
    notify(`The browser lets nothing be copied here: select ${what} and copy it by hand.`, "failed");
  }
};
