import assert from 'node:assert/strict';
import test from 'node:test';
import { parseSched, readSched } from '../../../src/kernel/proc/sched-file.js';
import { parseTimerList } from '../../../src/kernel/proc/timer-list.js';

test('a sched file tells when a thread last ran and how often it slept', () => {
  const text = [
    'cat (12589, #threads: 1)',
    '-------------------------------------------------------------------',
    'se.exec_start                                :        594743.847455',
    'se.vruntime                                  :         22896.968641',
    'nr_switches                                  :                   15',
    'nr_voluntary_switches                        :                    7',
    'nr_involuntary_switches                      :                    8',
  ].join('\n');
  assert.deepEqual(parseSched(text), { execStartNs: 594743847455n, voluntarySwitches: 7 });
  assert.equal(parseSched('cat (12589, #threads: 1)\n'), undefined);
});

test("crit's own sched file moves on", { skip: process.platform !== 'linux' }, () => {
  const first = readSched(process.pid);
  if (!first) return; // a kernel that does not tell
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  assert.ok(readSched(process.pid)!.execStartNs > first.execStartNs);
});

test('the list of timers tells what each clock has left', () => {
  const text = [
    'Timer List Version: v0.10',
    'now at 1000 nsecs',
    '',
    'cpu: 0',
    ' clock 0:',
    '  .offset:     0 nsecs',
    'active timers:',
    ' #0: <00000000c4ff69ea>, tick_nohz_handler, S:01',
    ' # expires at 1500-1500 nsecs [in 500 to 500 nsecs]',
    ' #1: <0000000002d1e4a2>, hrtimer_wakeup, S:01',
    ' # expires at 2000-2050 nsecs [in 1000 to 1050 nsecs]',
    ' clock 1:',
    '  .offset:     5000 nsecs',
    'active timers:',
    ' #0: <0000000000000001>, hrtimer_wakeup, S:01',
    ' # expires at 7000-7000 nsecs [in 6000 to 6000 nsecs]',
    'Tick Device: mode:     1',
  ].join('\n');
  assert.deepEqual(parseTimerList(text), [
    { id: '00000000c4ff69ea', callback: 'tick_nohz_handler', leftNs: 500n, slackNs: 0n },
    { id: '0000000002d1e4a2', callback: 'hrtimer_wakeup', leftNs: 1000n, slackNs: 50n },
    { id: '0000000000000001', callback: 'hrtimer_wakeup', leftNs: 1000n, slackNs: 0n },
  ]);
  assert.deepEqual(parseTimerList(''), []);
});
