const CALL_RELATIVE = 0xe8;
const CALL_INDIRECT = 0xff;
/** Bits 3 to 5 of the byte behind CALL_INDIRECT. */
const CALL_NEAR = 2;

/** Whether bytes end with a call (Intel SDM volume 2, CALL). Other instructions can look like one, no call looks unlike. */
export function endsWithCall(before: Buffer): boolean {
  if (before.at(-5) === CALL_RELATIVE) return true;
  for (let length = 2; length <= 7; length++)
    if (before.at(-length) === CALL_INDIRECT && ((before.at(1 - length)! >> 3) & 7) === CALL_NEAR) return true;
  return false;
}
