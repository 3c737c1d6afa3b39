import { explain as explainLog } from '../inspect/explain/explain.js';
import type { Command } from './command.js';
import { flag } from './command.js';
import { jsonView } from './json-view.js';
import { openImageDir } from './open-image-dir.js';
import { safeText } from './safe-text.js';
import { openSink } from './sink.js';

export const explain: Command = {
  name: 'explain',
  describe: 'tell why a dump or restore failed, from its log',
  positionals: [
    { name: 'log', describe: 'the log of a dump or restore, of CRIU or crit' },
    { name: 'src', describe: 'the checkpoint, to name processes and files', optional: true },
  ],
  options: [{ name: 'json', type: 'boolean', describe: 'print the explanation as JSON' }],
  examples: [
    ['explain restore.log', 'the error that decided, its cause, and what to do'],
    ['explain restore.log checkpoint/', 'also which process and descriptor it is about'],
  ],
  run: (args) => {
    const source = args.positionals['src'];
    const found = explainLog(args.positionals['log'] ?? '', source === undefined ? undefined : openImageDir(source));
    const sink = openSink(undefined);
    if (flag(args, 'json')) sink.write(jsonView(found));
    else {
      const { line, cause, todo, object, known, nrErrors } = found;
      if (!line) sink.write('there is no error in this log\n');
      else {
        sink.write(`line ${line.number}: ${safeText(line.text)}\n`);
        for (const [name, text] of Object.entries(object)) sink.write(`${name}: ${safeText(text)}\n`);
        for (const text of known) sink.write(`known: ${safeText(text)}\n`);
        if (cause === undefined || todo === undefined)
          sink.write(
            `cause: unknown: this is the first of ${nrErrors} error lines, and none is of a form that crit knows\n` +
              'do: read the lines before it; `crit verify` tells whether the images are sound\n',
          );
        else sink.write(`cause: ${cause}\ndo: ${todo}\n`);
      }
    }
    sink.commit();
    return found.cause === undefined ? 1 : 0;
  },
};
