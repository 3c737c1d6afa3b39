import type { ImageDir } from '../encode/image-dir.js';
import { FdTypes, type FileEntry } from '../image/generated/messages.js';
import { fileTypeName, oldFileImage, type FileField, type FileMessage } from '../image/file-kinds.js';
import { quoteName } from '../image/quoted-printable.js';

/** Where a set's files are read once, they are put in order once as well. */
const ordered = new WeakMap<readonly FileEntry[], Map<number, FileEntry>>();

function filesById(files: readonly FileEntry[]): Map<number, FileEntry> {
  let byId = ordered.get(files);
  if (!byId) {
    byId = new Map();
    for (const file of files) if (!byId.has(file.id)) byId.set(file.id, file);
    ordered.set(files, byId);
  }
  return byId;
}

/** Descriptions of open files, as `x fds` and `x mems` print them. */
export class FileNames {
  readonly #images: ImageDir;
  #byId: Map<number, FileEntry> | undefined;
  /** The files of one kind by their ids, where each kind has an image of its own. */
  readonly #old = new Map<FileField, Map<number, FileMessage>>();

  constructor(images: ImageDir) {
    this.#images = images;
  }

  /** Whether an id belongs to no file; of sets that have no files.img nothing is said. */
  isMissing(id: number): boolean {
    return this.file(id) === undefined && (this.#byId?.size ?? 0) > 0;
  }

  /** An open file by its id; undefined when files.img does not have it. */
  file(id: number): FileEntry | undefined {
    this.#byId ??= filesById(this.#images.messages('FILES') ?? []);
    return this.#byId.get(id);
  }

  /** The message of a file of one kind: from files.img, else from the kind's own image that older sets have. */
  #find<F extends FileField>(id: number, field: F): FileMessage<F> | undefined {
    const file = this.file(id);
    if (file) return file[field] as FileMessage<F> | undefined;
    let byId = this.#old.get(field);
    if (!byId) {
      byId = new Map();
      const image = oldFileImage(field);
      const entries = (image && this.#images.messages(image)) as readonly FileMessage[] | undefined;
      for (const entry of entries ?? []) if (!byId.has(entry.id)) byId.set(entry.id, entry);
      this.#old.set(field, byId);
    }
    return byId.get(id) as FileMessage<F> | undefined;
  }

  /** A regular file by its id. */
  regularFile(id: number): FileMessage<'reg'> | undefined {
    return this.#find(id, 'reg');
  }

  /** A regular file's path, "unknown path" when there is none. */
  path(id: number): string {
    const found = this.regularFile(id);
    return found?.name ? found.name : 'unknown path';
  }

  /** In one line, in the notation of the Python crit: a path, `pipe[ID]`, `unix[INO (PEER) NAME]`, `TYPE.ID`. */
  describe(type: number, id: number): string {
    switch (type) {
      case FdTypes.REG:
        return this.path(id);
      case FdTypes.PIPE: {
        const pipe = this.#find(id, 'pipe');
        return pipe ? `pipe[${pipe.pipe_id}]` : 'pipe[?]';
      }
      case FdTypes.UNIXSK: {
        const socket = this.#find(id, 'usk');
        if (!socket) return 'unix[?]';
        const name = quoteName(socket.name);
        return `unix[${socket.ino} (${socket.peer})${name === '' ? '' : ` ${name}`}]`;
      }
      default:
        return `${fileTypeName(type) ?? type}.${id}`;
    }
  }
}
