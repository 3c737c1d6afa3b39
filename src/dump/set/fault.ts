const [POINT, NTH = '1'] = (process.env['CRIT_FAULT'] ?? '').split(':');
let left = Number(NTH);

/** For tests: CRIT_FAULT=POINT:N ends crit by SIGKILL when it comes by this point for the Nth time. */
export function fault(point: string): void {
  if (point === POINT && --left === 0) process.kill(process.pid, 'SIGKILL');
}
