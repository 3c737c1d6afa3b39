/** A file that has grown says too many things. */
export default {
  meta: { type: 'suggestion', schema: [{ type: 'number' }] },
  create(context) {
    const [mostBytes] = context.options;
    return {
      Program(node) {
        const bytes = Buffer.byteLength(context.sourceCode.text);
        if (bytes > mostBytes)
          context.report({ node, message: `${bytes} bytes, more than ${mostBytes}: part the file by what it says.` });
      },
    };
  },
};
