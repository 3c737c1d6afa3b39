import type { InotifyWdEntry } from './generated/messages.js';

/** The kernel numbers watches from 1 on. @param last the watch before it, by number */
export const watchFault = ({ wd }: InotifyWdEntry, last: number): string | undefined =>
  wd <= last ? 'is there twice, or is none' : undefined;
