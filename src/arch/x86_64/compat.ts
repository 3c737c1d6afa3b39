import type { Messages } from '../../image/generated/messages.js';

/** user_x86_regs_mode */
const COMPAT = 2;

/** Whether a thread of a 64-bit kernel runs 32-bit code. */
export const isCompat = (info: Messages['thread_info_x86'] | undefined): boolean => info?.gpregs.mode === COMPAT;
