import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ImageDir } from '../../src/encode/image-dir.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { reportPage } from '../../src/inspect/report/page.js';
import { report } from '../../src/inspect/report/report.js';
import { fixture } from '../project-path.js';
import { Chromium, NEEDS_CHROMIUM, Page, type View } from './chromium.js';
import { manyProcesses } from './many-processes.js';
import { faultsOf, pictureOf } from './page-checks.js';

const HOSTILE = [
  '</script><script>document.title="owned"</script>',
  '<img src=x onerror=document.title="owned">',
  `"'><svg onload=alert(1)>`,
  '\u202egnp.exe\u200f\u061c',
  '\u001b]0;owned\u0007\u001b[31mX\nforged',
  '<!--<script>',
  '&lt;b&gt;{{7*7}}${7*7}',
];

describe('the page of crit report in a browser', { skip: NEEDS_CHROMIUM, timeout: 240_000 }, () => {
  let dir: string;
  let browser: Chromium;
  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'crit-page-'));
    browser = new Chromium();
  });
  after(async () => {
    await browser[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  let pages = 0;
  const open = (set: string, view: View = {}, afterSet?: string): Promise<Page> => {
    const file = path.join(dir, `${++pages}.html`);
    const later = afterSet === undefined ? {} : { after: openCheckpoint(afterSet) };
    writeFileSync(file, reportPage(report(openCheckpoint(set), later)));
    return Page.open(browser, file, view);
  };
  const hostileSet = (): string => {
    const set = path.join(dir, 'hostile');
    cpSync(fixture('tree'), set, { recursive: true });
    const images = new ImageDir(set);
    for (const [i, { message }] of images.read('PSTREE').entries.entries()) {
      const { entries } = images.read('CORE', message.pid);
      for (const { message: core } of entries) if (core.tc) core.tc.comm = HOSTILE[i % HOSTILE.length]!;
      images.write('CORE', message.pid, entries);
    }
    const { entries } = images.read('FILES');
    let at = 0;
    for (const { message } of entries) if (message.reg) message.reg.name = `/tmp/${HOSTILE[at++ % HOSTILE.length]}`;
    images.write('FILES', undefined, entries);
    return set;
  };

  for (const set of ['tree', 'container', 'memfd'])
    it(`${set}: sound for eyes, ears and keys, light and dark, narrow and wide; asks nobody for anything`, async () => {
      await using page = await open(fixture(set));
      for (const scheme of ['light', 'dark'] as const)
        for (const width of [375, 1440]) {
          await page.view({ width, scheme });
          await page.frames();
          assert.deepEqual(await faultsOf(page), [], `${scheme}, ${width} px`);
          const { first, changes } = pictureOf(await page.screenshot());
          assert.ok(scheme === 'light' ? Math.min(...first) > 200 : Math.max(...first) < 60, String(first));
          assert.ok(changes > 10_000, String(changes));
        }
      assert.deepEqual(page.requests, [`file://${path.join(dir, `${pages}.html`)}`]);
    });

  it('every tab of a process is sound, in both schemes', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      await using page = await open(fixture('pipes'), { scheme });
      const count = await page.evaluate<number>(`document.querySelectorAll('[role=tab]').length`);
      assert.equal(count, 6);
      for (let i = 0; i < count; i++) {
        await page.evaluate(`document.querySelectorAll('[role=tab]')[${i}].click()`);
        assert.deepEqual(await faultsOf(page), [], `tab ${i}`);
      }
    }
  });

  it('two sets: what differs is in the page', async () => {
    const later = path.join(dir, 'later');
    cpSync(fixture('tree'), later, { recursive: true });
    const images = new ImageDir(later);
    const { entries } = images.read('CORE', 812);
    entries[0]!.message.tc!.comm = 'renamed';
    images.write('CORE', 812, entries);
    await using page = await open(fixture('tree'), {}, later);
    await page.evaluate(`document.querySelectorAll('#changes details').forEach((one) => (one.open = true))`);
    await page.frames();
    const text = await page.evaluate<string>(`document.querySelector('#changes').innerText`);
    assert.match(text, /1 process changed/);
    assert.match(text, /renamed/);
    assert.deepEqual(await faultsOf(page), []);
    await using alone = await open(fixture('tree'));
    assert.equal(await alone.evaluate(`document.querySelector('#changes')`), null);
  });

  it('names that were made to do harm are texts', async () => {
    await using page = await open(hostileSet());
    assert.deepEqual(page.complaints, []);
    assert.match(await page.evaluate<string>('document.title'), /^hostile: checkpoint report$/);
    const names = await page.evaluate<string[]>(
      `Array.from(document.querySelectorAll('.comm'), (one) => one.textContent)`,
    );
    const shown = new Set(names);
    for (const name of HOSTILE.slice(0, 3)) assert.ok(shown.has(name), name);
    assert.ok(shown.has('\\u202egnp.exe\\u200f\\u061c'), [...shown].join('\n'));
    assert.ok(shown.has('\\x1b]0;owned\\x07\\x1b[31mX\\x0aforged'));
    for (let tab = 0; tab < 6; tab++) await page.evaluate(`document.querySelectorAll('[role=tab]')[${tab}].click()`);
    assert.equal(await page.evaluate(`document.querySelectorAll('img, main script, [onerror], [onload]').length`), 0);
    // eslint-disable-next-line no-control-regex -- what must not be there
    assert.doesNotMatch(await page.evaluate<string>('document.body.innerText'), /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
    assert.deepEqual(page.complaints, []);
  });

  it('the policy lets no other script run, and no text become HTML', async () => {
    await using page = await open(fixture('tree'));
    const refused = await page.evaluate<string>(
      `(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch (error) { return error.name; } })()`,
    );
    assert.equal(refused, 'TypeError');
    await page.evaluate(
      `(() => { const s = document.createElement('script'); try { s.text = 'document.title = "owned"'; document.body.append(s); } catch {} })()`,
    );
    assert.doesNotMatch(await page.evaluate<string>('document.title'), /owned/);
    const fetched = await page.evaluate<string>(
      `fetch('https://example.org/').then(() => 'sent', (error) => error.name)`,
    );
    assert.equal(fetched, 'TypeError');
  });

  it('the tree is walked by keys', async () => {
    await using page = await open(fixture('tree'));
    const focused = () =>
      page.evaluate<{ pid: number; level: string; open: string | null; selected: string }>(
        `(() => { const one = document.activeElement; return { pid: Number(one.querySelector('.pid')?.textContent), level: one.getAttribute('aria-level'), open: one.getAttribute('aria-expanded'), selected: one.getAttribute('aria-selected') }; })()`,
      );
    const title = () => page.evaluate<string>(`document.querySelector('#detail-title').textContent`);
    await page.evaluate(`document.querySelector('[type=search]').focus()`);
    await page.press('Tab', 'Tab', 'Tab');
    assert.deepEqual(await focused(), { pid: 812, level: '1', open: 'true', selected: 'true' });
    await page.press('ArrowDown');
    assert.equal((await focused()).pid, 814);
    await page.press('ArrowRight');
    assert.deepEqual(await focused(), { pid: 816, level: '3', open: null, selected: 'true' });
    assert.match(await title(), /816/);
    await page.press('ArrowLeft', 'ArrowLeft');
    assert.deepEqual(await focused(), { pid: 814, level: '2', open: 'false', selected: 'true' });
    await page.press('ArrowDown');
    assert.equal((await focused()).pid, 815, 'what is closed is left out');
    await page.press('End');
    assert.equal((await focused()).pid, 821);
    await page.press('Home');
    assert.equal((await focused()).pid, 812);
    await page.press('*', 'ArrowDown', 'ArrowDown');
    assert.equal((await focused()).pid, 816);
    assert.equal(await page.evaluate(`document.querySelectorAll('[role=treeitem][tabindex="0"]').length`), 1);
    assert.equal(
      await page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`),
      'solid',
      'the focus is seen',
    );
    await page.press('Tab');
    assert.equal(await page.evaluate(`document.activeElement.getAttribute('role')`), 'tab');
    await page.press('ArrowRight', 'ArrowRight');
    assert.equal(await page.evaluate(`document.activeElement.textContent`), 'Files');
    assert.equal(await page.evaluate(`document.querySelectorAll('[role=tabpanel]:not(.shut)').length`), 1);
  });

  it('the first stop of Tab leads past everything', async () => {
    await using page = await open(fixture('tree'));
    await page.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content');
    assert.ok((await page.evaluate<number>('document.activeElement.getBoundingClientRect().top')) >= 0);
    await page.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'content');
  });

  it('finds processes, and shows those above them', async () => {
    await using page = await open(fixture('tree'));
    await page.evaluate(
      `(() => { const find = document.querySelector('[type=search]'); find.value = '818'; find.dispatchEvent(new Event('input')); })()`,
    );
    const seen = await page.evaluate<string[]>(
      `Array.from(document.querySelectorAll('[role=treeitem]:not([hidden]) .pid'), (one) => one.textContent)`,
    );
    assert.deepEqual(seen, ['812', '815', '818']);
    assert.equal(await page.evaluate(`document.querySelector('[role=status]').textContent`), '1 of 8');
  });

  it('the map tells what is under the pointer', async () => {
    await using page = await open(fixture('mem_shared_tree'));
    const width = await page.evaluate<number>(`document.querySelectorAll('.map svg path').length`);
    assert.ok(width > 2);
    await page.evaluate(
      `document.querySelector('.map').dispatchEvent(new PointerEvent('pointermove', { clientX: document.querySelector('.map').getBoundingClientRect().left + 2, clientY: document.querySelector('.map').getBoundingClientRect().top + 18 }))`,
    );
    assert.match(
      await page.evaluate<string>(`document.querySelector('.tip:not([hidden])').innerText`),
      /[0-9a-f]{8,}-/,
    );
  });

  for (const count of [1, 500])
    it(`${count} ${count === 1 ? 'process' : 'processes'}: small, quick, and all there`, async () => {
      const set = manyProcesses(dir, count);
      await using page = await open(set);
      const { size } = statSync(path.join(dir, `${pages}.html`));
      assert.ok(size < 10e6, String(size));
      assert.equal(await page.evaluate(`document.querySelectorAll('[role=treeitem]').length`), count);
      const { metrics } = (await page.send('Performance.getMetrics')) as { metrics: { name: string; value: number }[] };
      const busy = metrics.find(({ name }) => name === 'TaskDuration')!.value;
      assert.ok(busy < 2, `${busy} s of the page's thread`);
      assert.deepEqual(page.complaints, []);
      if (count === 1) assert.deepEqual(await faultsOf(page), []);
    });
});
