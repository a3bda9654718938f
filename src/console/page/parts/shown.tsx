/** Text that somebody else wrote, shown as what it is: never markup, and nothing in it that cannot be seen. */
import type { ComponentChild } from "preact";

/** Controls, what turns the direction of writing, what has no width, and halves of surrogate pairs: each could make a text read as another. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
/** The same within text of several lines, which may have line feeds and tabs. */
const HIDDEN_IN_LINES = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

interface ShownProps {
  readonly text: string;
  /** It may have several lines. */
  readonly hasLines?: boolean;
}

export const Shown = ({ text, hasLines = false }: ShownProps) => (
  // Isolated: its direction is its own, and turns nothing around it.
  <bdi>{marked(text, hasLines ? HIDDEN_IN_LINES : HIDDEN)}</bdi>
);

const marked = (text: string, hidden: RegExp): ComponentChild => {
  if (!hidden.test(text)) return text;
  const parts: ComponentChild[] = [];
  let plain = "";
  // By code points: a pair is one character, a half alone is marked.
  for (const character of text) {
    if (!hidden.test(character)) {
      plain += character;
      continue;
    }
    parts.push(plain, <mark title={nameOf(character)}>{nameOf(character)}</mark>);
    plain = "";
  }
  return [...parts, plain];
};

const nameOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
