import { openSync } from 'node:fs';
import { encodeMessage } from '../encode/encode-message.js';
import { describeType, messageNameAt, type ImageType } from '../image/catalogue.js';
import type { Messages } from '../image/generated/messages.js';
import type { PageSink } from '../pages/page-sink.js';

/** An entry of an image: the message and the bytes that follow it. */
export interface OutEntry {
  message: object;
  extra?: unknown;
}

/** Where the images of a dump go. */
export interface ImageSink extends PageSink {
  write(type: ImageType, id: number | undefined, entries: Iterable<OutEntry>): void;
  /** All images so far, for the inventory. */
  record(): Messages['set_image_entry'][];
  /** Every image is written, the inventory last: the set takes the place of the one that was there. */
  commit(): void;
  /** The dump failed: no part of it stays. */
  discard(): void;
}

/** Takes everything and keeps nothing: for the rehearsal. */
export class Nowhere implements ImageSink {
  create(): { fd: number; file: string } {
    return { fd: openSync('/dev/null', 'w'), file: '/dev/null' };
  }
  write(type: ImageType, _id: number | undefined, entries: Iterable<OutEntry>): void {
    const description = describeType(type);
    let i = 0;
    for (const { message } of entries) {
      const name = messageNameAt(description, i++);
      if (name) encodeMessage(name, message as never);
    }
  }
  nextPagesId(): number {
    return 1;
  }
  record(): [] {
    return [];
  }
  commit(): void {
    // nothing was kept
  }
  discard(): void {
    // nothing was kept
  }
}
