import { report as reportOf } from '../inspect/report/report.js';
import { reportPage } from '../inspect/report/page.js';
import { versionLine } from '../run/package-version.js';
import { flag, value, type Command } from './command.js';
import { warnAll } from './inspect.js';
import { jsonView } from './json-view.js';
import { openSource } from './open-image-dir.js';
import { openSink } from './sink.js';
import { isTerminal } from './terminal.js';
import { UsageError } from './usage-error.js';

export const report: Command = {
  name: 'report',
  describe: 'make an HTML page of a checkpoint: processes, memory maps, sharing, findings; of two: with what differs',
  positionals: [
    { name: 'src', describe: 'a directory of images, a container checkpoint, or a .tar, .tar.gz, .tar.zst of one' },
    { name: 'after', describe: 'a later checkpoint to compare with', optional: true },
  ],
  options: [
    { name: 'out', alias: 'o', type: 'string', value: 'FILE', describe: 'the page to write' },
    { name: 'no-env', type: 'boolean', describe: 'leave environment variables out: they may hold secrets' },
    { name: 'no-pages', type: 'boolean', describe: 'do not compare the bytes of the memory of two checkpoints' },
    { name: 'json', type: 'boolean', describe: 'print what the page is made of as JSON' },
  ],
  examples: [
    ['report checkpoint/ -o report.html', 'a page that opens in any browser, without a network'],
    ['report before/ after/ -o report.html', 'with what has changed'],
  ],
  run: async (args) => {
    const { src = '.', after } = args.positionals;
    const out = value(args, 'out');
    if (out === undefined && !flag(args, 'json') && (await isTerminal(1)))
      throw new UsageError('report: name the page to write by -o FILE');
    const found = reportOf(openSource(src), {
      ...(after !== undefined && { after: openSource(after) }),
      env: !flag(args, 'no-env'),
      pages: !flag(args, 'no-pages'),
    });
    const sink = openSink(out);
    try {
      sink.write(flag(args, 'json') ? jsonView(found) : reportPage(found, { madeBy: versionLine() }));
    } catch (error) {
      sink.abort();
      throw error;
    }
    sink.commit();
    warnAll(found.problems);
    return 0;
  },
};
