/** Text that somebody else wrote, shown as what it is: never markup, and nothing in it that cannot be seen. */
import type { ComponentChild } from "preact";

/**
 * Controls, what turns the direction of writing, what has no width, and halves of surrogate pairs: each could make a text read as another.
 * The joiner within an emoji is part of a picture that is seen.
 */
const HIDDEN =
  /(?!(?<=\p{Extended_Pictographic}[\u{FE0F}\u{1F3FB}-\u{1F3FF}]?)\u200D\p{Extended_Pictographic})[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** What a text of several lines has. */
const IN_LINES = /^[\n\t]$/;

interface ShownProps {
  readonly text: string;
  /** It may have several lines. */
  readonly hasLines?: boolean;
}

export const Shown = ({ text, hasLines = false }: ShownProps) => (
  // Isolated: its direction is its own, and turns nothing around it.
  <bdi>{marked(text, hasLines)}</bdi>
);

const marked = (text: string, hasLines: boolean): ComponentChild => {
  const parts: ComponentChild[] = [];
  let end = 0;
  for (const { 0: character, index } of text.matchAll(HIDDEN)) {
    if (hasLines && IN_LINES.test(character)) continue;
    const name = nameOf(character);
    parts.push(text.slice(end, index), <mark title={name}>{name}</mark>);
    end = index + character.length;
  }
  return parts.length === 0 ? text : [...parts, text.slice(end)];
};

const nameOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
