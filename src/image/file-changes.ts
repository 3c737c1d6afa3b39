/** What is told of a file that is not as the images have it. */

const octal = (mode: number): string => `0${mode.toString(8)}`;

export const modeChange = (was: number, is: number): string =>
  `has mode ${octal(is)}, when it was dumped it had ${octal(was)}`;

export const sizeChange = (was: bigint, is: bigint): string => `has ${is} bytes, when it was dumped it had ${was}`;

export const BUILD_ID_CHANGE = 'has another build-id than when it was dumped: another build of the program or library';
