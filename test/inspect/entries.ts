import { ImageDir, type ImageId } from '../../src/encode/image-dir.js';
import { imageFileName, type EntryImageType } from '../../src/image/catalogue.js';
import type { EntryMessage } from '../../src/image/entry.js';

/** An image directory made of messages written down in a test. */
export function imageSet(images: Readonly<Record<string, readonly unknown[]>>): ImageDir {
  class Written extends ImageDir {
    override messages<T extends EntryImageType>(type: T, id?: ImageId): EntryMessage<T>[] | undefined {
      return images[imageFileName(type, id)] as EntryMessage<T>[] | undefined;
    }
  }
  return new Written('written in a test');
}
