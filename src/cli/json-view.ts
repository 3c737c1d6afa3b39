/** The C1 controls, which JSON lets stand and terminals obey, and two line ends. */
const CONTROLS = /[\x7f-\x9f\u2028\u2029]/g;

const escaped = (json: string): string =>
  json.replace(CONTROLS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * Text of a view for `--json`: addresses and other 64-bit values, which JSON numbers do not hold exactly in most
 * programs, are hex strings as in `crit show`.
 */
export function jsonView(data: unknown): string {
  return `${escaped(JSON.stringify(data, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value), 4))}\n`;
}

/** JSON on one line; what a number does not hold exactly is a string. */
export function jsonText(data: unknown): string {
  const exact = (value: bigint): number | string =>
    Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  return escaped(JSON.stringify(data, (_, value: unknown) => (typeof value === 'bigint' ? exact(value) : value)));
}
