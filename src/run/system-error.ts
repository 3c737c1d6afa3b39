import { systemWords } from '../image/system-words.js';

/** One line about an error of the file system that names its file; undefined for an error that is none. */
export function systemErrorText(error: Error): string | undefined {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return undefined;
  if (syscall === 'uv_cwd') return 'the current directory does not exist any more: go to another one';
  return `${path ?? syscall}: ${systemWords(code)}`;
}
