const WIDEST = 110;
const NARROWEST = 40;

/** How wide a text for people is folded: as wide as the terminal, 80 columns where there is none. */
export function screenWidth(): number {
  const columns = process.stdout.columns || Number(process.env['COLUMNS']) || 80;
  return Math.min(WIDEST, Math.max(NARROWEST, columns));
}

/** Folds a text between words; a word that is longer than a line stays whole. */
export function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}

/** Folds a text into lines with an indent. */
export const indented = (text: string, width: number, indent = 2): string[] =>
  fold(text, width - indent).map((line) => ' '.repeat(indent) + line);

/**
 * Two columns, the right one folded; a text too long for the left one has a line of its own.
 * @param part how much of the line the left column may take
 */
export function twoColumns(
  rows: readonly (readonly [left: string, right: string])[],
  width: number,
  part = 0.4,
): string[] {
  const limit = Math.floor(width * part);
  const left = Math.max(...rows.map(([text]) => text.length + 4).filter((length) => length <= limit), 8);
  return rows.flatMap(([text, right]) => {
    const [first = '', ...more] = fold(right, width - left);
    const rest = more.map((line) => ' '.repeat(left) + line);
    const head = `  ${text}`;
    return head.length + 2 <= left ? [head.padEnd(left) + first, ...rest] : [head, ' '.repeat(left) + first, ...rest];
  });
}

/** Examples: command lines, and what they do. */
export const exampleLines = (examples: readonly (readonly [line: string, what: string])[], width: number): string[] =>
  twoColumns(
    examples.map(([line, what]) => [`crit ${line}`, what] as const),
    width,
    0.6,
  );
