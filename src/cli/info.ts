import { openByteSource } from '../image/byte-source.js';
import { imageInfo } from '../decode/image-info.js';
import { HEAD_BYTES, recogniseRaw } from '../decode/raw/recognise.js';
import type { Command } from './command.js';
import { print } from './stdout.js';

export const info: Command = {
  name: 'info',
  describe: 'show the type of an image and the number of its entries',
  positionals: [{ name: 'image', describe: 'an image' }],
  options: [{ name: 'json', type: 'boolean', describe: 'no difference: this is JSON always' }],
  examples: [['info pagemap-1234.img', 'how many runs of pages a task has']],
  run: async (args) => {
    const image = args.positionals['image'] ?? '';
    const source = openByteSource(image === '-' ? { fd: 0, name: 'standard input' } : image);
    try {
      const raw = recogniseRaw(source.name, source.head(HEAD_BYTES));
      if (raw) {
        const { rawInfo } = await import('../decode/raw/raw-info.js');
        print(`${JSON.stringify(await rawInfo(source, image === '-' ? 0 : image, raw), null, 4)}\n`);
      } else {
        const { magic, count } = imageInfo(source);
        print(`${JSON.stringify({ magic, count }, null, 4)}\n`);
      }
    } finally {
      source.close();
    }
    return 0;
  },
};
