const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));

/** Values that many have: each is kept once, and told by its place. */
export class Pool<T> {
  readonly all: T[] = [];
  readonly #key: (value: T) => string;
  readonly #places = new Map<string, number>();

  constructor(key: (value: T) => string = textOf) {
    this.#key = key;
  }

  index(value: T): number {
    const key = this.#key(value);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.all.push(value) - 1;
      this.#places.set(key, place);
    }
    return place;
  }
}
