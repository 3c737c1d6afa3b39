/** Four bytes of `1.2.3.4`. */
function ipv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.map(Number);
}

/** Groups of hex digits to bytes; the last may be an IPv4 address. */
function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    const four = i === parts.length - 1 ? ipv4(part) : undefined;
    if (four) bytes.push(...four);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) bytes.push(parseInt(part, 16) >> 8, parseInt(part, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}

function ipv6(text: string): number[] | undefined {
  const halves = text.split('::');
  const head = groups(halves[0] ?? '');
  const tail = halves.length === 2 ? groups(halves[1] ?? '') : [];
  if (!head || !tail || halves.length > 2) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** An address as images hold it: one u32 (IPv4) or four, whose bytes in memory are in network order. */
export function addressWords(text: string): number[] | undefined {
  const trimmed = text.trim();
  const bytes = ipv4(trimmed) ?? ipv6(trimmed);
  if (!bytes) return undefined;
  const view = Buffer.from(bytes);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.readUInt32LE(4 * i));
}
