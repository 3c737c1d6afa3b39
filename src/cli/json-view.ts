/**
 * Text of a view for `--json`: addresses and other 64-bit values, which JSON numbers do not hold exactly in most
 * programs, are hex strings as in `crit show`.
 */
export function jsonView(data: unknown): string {
  return `${JSON.stringify(data, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value), 4)}\n`;
}
