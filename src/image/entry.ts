import type { EntryImageType, ImageType, MessageOf, PayloadOf } from './catalogue.js';
import type {
  IpcMsg,
  Messages,
  PagemapEntry,
  PagemapHead,
  GhostChunkEntry,
  GhostFileEntry,
} from './generated/messages.js';

/** The queues of a TCP socket: received and not read, written and not acknowledged. */
export interface TcpQueues {
  inq: Uint8Array;
  outq: Uint8Array;
}

/** A message in a SysV queue. */
export interface QueuedMessage {
  message: IpcMsg;
  data: Uint8Array;
  /** Bytes after the data up to a multiple of 8, when they are not zero. */
  padding?: Uint8Array;
}

/** What follows a message, by payload kind. Absent stands for empty. */
export interface Extras {
  none: undefined;
  pagemap: undefined;
  ghost: Uint8Array;
  pipe: Uint8Array;
  packet: Uint8Array;
  tcp: TcpQueues;
  sem: Uint16Array;
  msg: QueuedMessage[];
  shm: Uint8Array;
  bpf: Uint8Array;
}

/** Messages of types whose first entry has another one than the later entries. */
export interface SpecialMessages {
  pagemap: PagemapHead | PagemapEntry;
  ghost: GhostFileEntry | GhostChunkEntry;
}

/** The message of an entry of a type; any message for a raw type (which has none). */
export type EntryMessage<T extends ImageType> =
  PayloadOf<T> extends keyof SpecialMessages
    ? SpecialMessages[PayloadOf<T>]
    : T extends EntryImageType
      ? Messages[MessageOf<T>]
      : object;

/** One entry of an image. */
export interface ImageEntry<T extends ImageType = ImageType> {
  message: EntryMessage<T>;
  extra?: Extras[PayloadOf<T>];
  /** Bytes after the extra up to its alignment, when they are not zero. */
  padding?: Uint8Array;
}

/** What an image starts with. Absent for what CRIU 4.2 writes for the type. */
export type Header = 'v1.0' | 'common' | 'service';

/** An image in memory. Its `type` tells which entries it has: `if (image.type === 'CORE')` makes them those of cores. */
export type Image<T extends ImageType = ImageType> = {
  [Type in T]: { type: Type; header?: Header; entries: ImageEntry<Type>[] };
}[T];

/**
 * Key, in messages and in their JSON, under which a message that the usual bytes would not tell whole keeps what is
 * needed to write it again as it was: see docs/json.md.
 */
export const WIRE_KEY = '$wire';

/** Key under which `--recover` says what is wrong with a message. */
export const DAMAGE_KEY = '$damaged';

/** Key of an entry whose padding is not zero: the padding in hex; of a message queue, a list of one for each message. */
export const PADDING_KEY = '$padding';

/** Key of an image that begins otherwise than CRIU 4.2 has it: a Header. */
export const HEADER_KEY = '$header';
