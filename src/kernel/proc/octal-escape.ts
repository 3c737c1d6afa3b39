/** fs/seq_file.c, mangle_path: turns \040 and its like back into the bytes they stand for (UTF-8 text). */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  // Escaped bytes are ASCII, so characters can be replaced one by one.
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
