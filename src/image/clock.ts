/** Milliseconds of the monotonic clock, with fractions. (`performance.now()` loads Node's perf_hooks: a millisecond.) */
export function nowMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1e3 + nanos / 1e6;
}
