import type { OnPage } from '../inspect/diff/compare-memory.js';

/** More lines nobody reads. */
const MAX_LINES = 10_000;
const WIDTH = 16;

/** Lines of 16 bytes that differ, before and after, gathered while pages are compared. */
export function hexdumpOf(): { readonly lines: readonly string[]; readonly onPage: (pid: number) => OnPage } {
  const lines: string[] = [];
  const line = (sign: string, address: bigint, bytes: Buffer): string => {
    const hex = bytes.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ');
    const text = bytes.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
    return `${sign} ${address.toString(16).padStart(12, '0')}  ${hex}  |${text}|\n`;
  };
  const onPage = (pid: number): OnPage => {
    let isFirst = true;
    return (address, before, after) => {
      if (lines.length >= MAX_LINES) return;
      if (isFirst) lines.push(`process ${pid}\n`);
      isFirst = false;
      for (let at = 0; at < before.length; at += WIDTH) {
        const [left, right] = [before, after].map((page) => Buffer.from(page.buffer, page.byteOffset + at, WIDTH)) as [
          Buffer,
          Buffer,
        ];
        if (left.equals(right)) continue;
        lines.push(line('-', address + BigInt(at), left), line('+', address + BigInt(at), right));
      }
    };
  };
  return { lines, onPage };
}
