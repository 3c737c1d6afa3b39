const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A size for people: "512 bytes", "1.5 MiB". */
export function sizeWords(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  const shown = unit === 0 || value >= 100 ? Math.round(value).toString() : value.toFixed(1).replace(/\.0$/, '');
  return `${shown} ${UNITS[unit]}`;
}

/** A time for people: "12 ms", "1.5 s". */
export function timeWords(seconds: number): string {
  if (seconds < 1e-3) return `${Math.round(seconds * 1e6)} us`;
  if (seconds < 1) return `${Number((seconds * 1e3).toPrecision(3))} ms`;
  return `${Number(seconds.toFixed(3))} s`;
}

/** Numbers for people: "1-3, 7". */
export function numbersWords(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const runs: string[] = [];
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (sorted[end + 1] === sorted[end]! + 1) end++;
    runs.push(end === i ? `${sorted[i]}` : `${sorted[i]}${end === i + 1 ? ', ' : '-'}${sorted[end]}`);
    i = end + 1;
  }
  return runs.join(', ');
}

/** An address as /proc/PID/maps has it. */
export const addressWords = (value: bigint): string => value.toString(16).padStart(8, '0');
