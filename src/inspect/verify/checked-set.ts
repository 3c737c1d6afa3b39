import { imageFileName, type EntryImageType } from '../../image/catalogue.js';
import { FILE_KINDS, type FileField, type FileMessage } from '../../image/file-kinds.js';
import type { FileEntry, InventoryEntry, TaskKobjIdsEntry } from '../../image/generated/messages.js';
import type { Checkpoint } from '../checkpoint.js';
import { CheckedTask } from './checked-task.js';
import { readPagemap, type Runs } from './runs.js';
import { SetImages } from './set-images.js';

/** An open file of the set, and where it stands. */
export interface Listed {
  readonly file: FileEntry;
  readonly image: string;
  readonly entry: number;
}

/** A set that is checked: its tasks and open files, each image read once. */
export class CheckedSet extends SetImages {
  readonly tasks: readonly CheckedTask[];
  /** Where each pages image is referred to. */
  readonly pagesIds = new Map<number, string>();
  readonly #parents = new Map<string, SetImages>();
  #shared: { id: number | bigint; runs: Runs }[] | undefined;
  #byId: Map<number, Listed> | undefined;
  #byType: Map<string, FileEntry> | undefined;
  #allFiles: readonly Listed[] | undefined;

  constructor(checkpoint: Checkpoint) {
    super(checkpoint);
    this.need('INVENTORY', undefined, 'a set has one');
    const entries = this.need('PSTREE', undefined, 'a set has one') ?? [];
    this.tasks = entries.map((entry, i) => new CheckedTask(this, entry, i));
  }

  /** Pagemaps of shared memory, by shmid. */
  get sharedPagemaps(): readonly { id: number | bigint; runs: Runs }[] {
    this.#shared ??= this.files.flatMap(({ type, id }) => {
      if (type !== 'SHMEM_PAGEMAP' || typeof id === 'string' || id === undefined) return [];
      const runs = readPagemap(this, type, id);
      return runs ? [{ id, runs }] : [];
    });
    return this.#shared;
  }

  /** The pagemap that a parent set has; undefined when it has none that can be read. */
  parentPagemap(parent: Checkpoint, type: 'PAGEMAP' | 'SHMEM_PAGEMAP', id: number | bigint): Runs | undefined {
    let set = this.#parents.get(parent.images.path);
    if (!set) this.#parents.set(parent.images.path, (set = new SetImages(parent)));
    return readPagemap(set, type, id);
  }

  get inventory(): InventoryEntry | undefined {
    return this.keep('INVENTORY')?.[0];
  }

  /** Ids of the namespaces that the dumping tool was in. */
  get rootIds(): TaskKobjIdsEntry | undefined {
    return this.inventory?.root_ids;
  }

  /** All open files: of files.img, or of the images that each kind has in older sets. */
  get allFiles(): readonly Listed[] {
    this.#allFiles ??= this.#listFiles();
    return this.#allFiles;
  }

  #listFiles(): Listed[] {
    const image = imageFileName('FILES');
    const files = this.keep('FILES');
    if (files || this.images.has('FILES')) return (files ?? []).map((file, entry) => ({ file, image, entry }));
    const old: Listed[] = [];
    for (const { type, field, image: kind } of FILE_KINDS as readonly {
      type: number;
      field: FileField;
      image?: EntryImageType;
    }[])
      (kind ? (this.keep(kind) as readonly FileMessage[] | undefined) : undefined)?.forEach((message, entry) =>
        old.push({ file: { type, id: message.id, [field]: message }, image: imageFileName(kind!), entry }),
      );
    if (old.length === 0 && this.tasks.length > 0)
      this.mustHave('FILES', undefined, 'descriptors, directories and programs are told there');
    return old;
  }

  /** Open files by their ids; undefined when files.img cannot be read. */
  get byId(): ReadonlyMap<number, Listed> | undefined {
    if (!this.#byId) {
      this.#byId = new Map();
      for (const listed of this.allFiles) if (!this.#byId.has(listed.file.id)) this.#byId.set(listed.file.id, listed);
    }
    return this.lost('FILES') ? undefined : this.#byId;
  }

  /** The open file with an id, of a type if there is one: CRIU gives a TUN file and its path one id. */
  fileOf(id: number, type?: number): FileEntry | undefined {
    const first = this.byId?.get(id)?.file;
    if (!first || type === undefined || first.type === type) return first;
    this.#byType ??= new Map(this.allFiles.map(({ file }) => [`${file.type} ${file.id}`, file]));
    return this.#byType.get(`${type} ${id}`) ?? first;
  }

  /** Files of one kind, with where they stand. */
  *of<F extends FileField>(field: F): Generator<Listed & { message: NonNullable<FileEntry[F]> }> {
    for (const listed of this.allFiles) {
      const message = listed.file[field];
      if (message !== undefined) yield { ...listed, message };
    }
  }
}
