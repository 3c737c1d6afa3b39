import type { Command } from './command.js';
import { flag } from './command.js';
import type { ImageDir } from '../encode/image-dir.js';
import { openImageDir } from './open-image-dir.js';
import { jsonView } from './json-view.js';
import { oneLine } from './safe-text.js';
import { openSink } from './sink.js';
import { warn } from './stdout.js';
import { onTerminal } from './table.js';
import type { View } from './view.js';

const VIEWS: Readonly<Record<string, (images: ImageDir) => Promise<View>>> = {
  ps: async (images) => (await import('./view-ps.js')).viewPs(images),
  fds: async (images) => (await import('./view-fds.js')).viewFds(images),
  mems: async (images) => (await import('./view-mems.js')).viewMems(images),
  rss: async (images) => (await import('./view-rss.js')).viewRss(images),
  sk: async (images) => (await import('./view-sk.js')).viewSk(images),
};

export const x: Command = {
  name: 'x',
  describe: 'explore a directory of images',
  positionals: [
    { name: 'dir', describe: 'the image directory, or a .tar, .tar.gz or .tar.zst of one' },
    {
      name: 'what',
      describe:
        'ps: the processes; fds: their descriptors; mems: their mappings; rss: the pages in the images; sk: the sockets',
      choices: Object.keys(VIEWS),
    },
  ],
  options: [{ name: 'json', type: 'boolean', describe: 'print the view as JSON' }],
  examples: [
    ['x checkpoint/ ps', 'the process tree'],
    ['x checkpoint/ fds --json', 'all descriptors, for another program'],
    ['x . sk', 'the sockets of the checkpoint in this directory'],
  ],
  run: async (args) => {
    const images = openImageDir(args.positionals['dir'] ?? '.');
    const view = await VIEWS[args.positionals['what'] ?? 'ps']?.(images);
    if (!view) return 1;
    const sink = openSink(undefined);
    if (flag(args, 'json')) sink.write(jsonView(view.data));
    else if (await onTerminal()) for await (const piece of view.terminal()) sink.write(piece);
    else for (const piece of view.plain()) sink.write(piece);
    sink.commit();
    for (const line of view.warnings ?? []) warn(`crit: warning: ${oneLine(line)}`);
    return 0;
  },
};
