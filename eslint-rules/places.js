import path from 'node:path';

/** Where a file that is linted stands in src/, and what it imports from there. */
export function placesOf(context) {
  const root = path.join(context.cwd, 'src');
  const file = path.relative(root, context.filename);
  if (file.startsWith('..')) return {};
  const src = {
    root,
    /** The file below src/ that an import means, or undefined for a package. @param node its `source` */
    resolve: (node) => {
      const name = node?.value ?? node?.literal?.value;
      if (typeof name !== 'string' || !name.startsWith('.')) return undefined;
      return path.relative(root, path.resolve(path.dirname(context.filename), name));
    },
  };
  return { src, file };
}
