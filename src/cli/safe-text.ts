/** Text from an image on its way to a terminal: control characters could drive it, so they are shown as \xNN. */
export const safeText = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- these are the characters in question
  text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
