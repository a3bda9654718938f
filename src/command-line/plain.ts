/** What others wrote, made safe to look at: a message must not move the cursor, set the window's title or turn the line around. */

/**
 * Control characters (C0, DEL and C1, which some terminals take for the beginning of a sequence), what is invisible or changes the
 * direction of writing (Cf), line and paragraph separators, and halves of characters.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** As JSON escapes them: `\u001b`. In JSON, where they stand in texts alone, it means the same as before. */
export const plain = (text: string): string =>
  text.replace(UNSAFE, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, "0")}`).join(
      "",
    ),
  );

/** What is twice as wide as a letter on a terminal, and what has no width; near enough to align a table. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}]/u;

/** Columns that a text takes. */
export const widthOf = (text: string): number => {
  let width = 0;
  for (const character of text) width += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
};

/** As much of a text as fits, and a sign where something is missing. */
export const fitted = (text: string, columns: number): string => {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 1;
  for (const character of text) {
    width += widthOf(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept}…`;
};
