// eslint-disable-next-line no-control-regex -- these are the characters in question
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g;
/** They turn the direction of what follows: a name would look like another one. */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

const hex = (c: string): string => {
  const code = c.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
};

/** Text from an image as one line of output: control characters and line ends are shown as \xNN. */
export const oneLine = (text: string): string => text.replace(CONTROLS, hex);

/** Text from an image on its way to a terminal: what could drive it, or deceive who reads, is shown as \xNN. */
export const safeText = (text: string): string => oneLine(text).replace(DIRECTIONS, hex);
