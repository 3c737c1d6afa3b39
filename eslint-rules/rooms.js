import { placesOf } from './places.js';

/** A room of src/ imports only itself and rooms below it, in whatever form the import is written. */
export default {
  meta: { type: 'problem', schema: [{ type: 'object' }] },
  create(context) {
    const [below] = context.options;
    const { src, file } = placesOf(context);
    const room = file?.split('/')[0];
    if (!src || !Object.hasOwn(below, room)) return {};
    const check = (node) => {
      const to = src.resolve(node.source);
      if (to === undefined) return;
      const other = to.split('/')[0];
      // of the processor here, and of the one that images are from
      const door = room === 'inspect' ? 'arch/images.js' : 'arch/index.js';
      if (other === 'arch' && room !== 'arch' && to !== door)
        context.report({
          node,
          message: `src/${door.replace('.js', '.ts')} is the one door to what depends on the processor.`,
        });
      else if (other !== room && !below[room].includes(other)) {
        const lower = below[room].length > 0 ? ` and ${below[room].join(', ')}` : '';
        context.report({ node, message: `src/${room} imports only itself${lower}.` });
      }
    };
    return {
      ImportDeclaration: check,
      ExportAllDeclaration: check,
      ExportNamedDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    };
  },
};
