import type { InotifyWdEntry } from './generated/messages.js';

/** INT_MAX */
const MOST = 0x7fff_ffff;

/** The kernel numbers watches from 1 on. @param last the watch before it, by number */
export const watchFault = ({ wd }: InotifyWdEntry, last: number): string | undefined =>
  wd <= last || wd > MOST ? 'is there twice, or is none' : undefined;
