/** Characters that take two columns of a terminal (Unicode, East Asian Width), as far as names have them. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** Characters that take none: they combine with the one before. */
const NONE = /[\p{M}\u200b-\u200f\u2060]/u;
const ASCII = /^[\x20-\x7e]*$/;

/** How many columns of a terminal a text takes that has no control characters. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const c of text) width += NONE.test(c) ? 0 : WIDE.test(c) ? 2 : 1;
  return width;
}
