import { FdTypes, type FileEntry } from '../image/generated/messages.js';
import { fileTypeName, oldFileImage, type FileField, type FileMessage } from '../image/file-kinds.js';
import { quoteName } from '../image/quoted-printable.js';
import type { ImageSet } from './image-set.js';

/** Descriptions of open files, as `x fds` and `x mems` print them. */
export class FileNames {
  readonly #images: ImageSet;
  #byId: Map<number, FileEntry> | undefined;
  /** The files of one kind by their ids, where each kind has an image of its own. */
  readonly #old = new Map<FileField, Map<number, FileMessage>>();

  constructor(images: ImageSet) {
    this.#images = images;
  }

  /** Whether an id belongs to no file; of sets that have no files.img nothing is said. */
  async isMissing(id: number): Promise<boolean> {
    return (await this.file(id)) === undefined && (this.#byId?.size ?? 0) > 0;
  }

  /** An open file by its id; undefined when files.img does not have it. */
  async file(id: number): Promise<FileEntry | undefined> {
    if (!this.#byId) {
      this.#byId = new Map();
      for (const file of await this.#images.files()) if (!this.#byId.has(file.id)) this.#byId.set(file.id, file);
    }
    return this.#byId.get(id);
  }

  /** The message of a file of one kind: from files.img, else from the kind's own image that older sets have. */
  async #find<F extends FileField>(id: number, field: F): Promise<FileMessage<F> | undefined> {
    const file = await this.file(id);
    if (file) return file[field] as FileMessage<F> | undefined;
    let byId = this.#old.get(field);
    if (!byId) {
      byId = new Map();
      const image = oldFileImage(field);
      const entries = (image && (await this.#images.all(image))) as readonly FileMessage[] | undefined;
      for (const entry of entries ?? []) if (!byId.has(entry.id)) byId.set(entry.id, entry);
      this.#old.set(field, byId);
    }
    return byId.get(id) as FileMessage<F> | undefined;
  }

  /** A regular file's path, "unknown path" when there is none. */
  path(id: number): Promise<string> {
    let path = this.#paths.get(id);
    if (!path) this.#paths.set(id, (path = this.#findPath(id)));
    return path;
  }
  readonly #paths = new Map<number, Promise<string>>();

  async #findPath(id: number): Promise<string> {
    const found = await this.#find(id, 'reg');
    return found?.name ? found.name : 'unknown path';
  }

  /** In one line, in the notation of the Python crit: a path, `pipe[ID]`, `unix[INO (PEER) NAME]`, `TYPE.ID`. */
  async describe(type: number, id: number): Promise<string> {
    switch (type) {
      case FdTypes.REG:
        return this.path(id);
      case FdTypes.PIPE: {
        const pipe = await this.#find(id, 'pipe');
        return pipe ? `pipe[${pipe.pipe_id}]` : 'pipe[?]';
      }
      case FdTypes.UNIXSK: {
        const socket = await this.#find(id, 'usk');
        if (!socket) return 'unix[?]';
        const name = quoteName(socket.name);
        return `unix[${socket.ino} (${socket.peer})${name === '' ? '' : ` ${name}`}]`;
      }
      default:
        return `${fileTypeName(type) ?? type}.${id}`;
    }
  }

  /** What a memfd was called, where an id belongs to one. */
  async memfdName(id: number): Promise<string | undefined> {
    const inode = (await this.file(id))?.memfd?.inode_id;
    if (inode === undefined) return undefined;
    const inodes = await this.#images.all('MEMFD_INODE');
    return inodes?.find((entry) => entry.inode_id === BigInt(inode))?.name;
  }
}
