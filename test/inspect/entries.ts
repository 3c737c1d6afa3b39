import { ImageSet } from '../../src/inspect/image-set.js';

/** An image set made of entries written down in a test. */
export function imageSet(images: Readonly<Record<string, readonly unknown[]>>): ImageSet {
  return new ImageSet({
    entries: (file) => Promise.resolve(images[file]),
    names: () => Promise.resolve(Object.keys(images)),
  });
}
