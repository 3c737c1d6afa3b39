import type { Checkpoint } from '../checkpoint.js';
import { headOf } from '../overview/identity.js';

/** Something that took its time in a dump, by its log. Seconds from the log's begin. */
export interface LogSpan {
  readonly name: string;
  readonly startSec: number;
  readonly endSec: number;
}

/** A line of a log that tells where the dump was. */
export interface LogMark {
  readonly sec: number;
  readonly kind: 'step' | 'warning' | 'error';
  readonly text: string;
}

/** What the log of a dump tells of its times. */
export interface LogTimes {
  readonly file: string;
  readonly lines: number;
  /** Time of the last line, in seconds. */
  readonly endSec: number;
  readonly spans: readonly LogSpan[];
  readonly marks: readonly LogMark[];
  /** The machine that dumped: "host Linux 6.1.0 ... x86_64". */
  readonly ranOn: string | undefined;
  /** Only its beginning was read. */
  readonly isCut: boolean;
}

const NAMES = ['dump.log', 'log'];
/** A log at the highest level has some thousand lines a process. */
const MAX_BYTES = 8 << 20;
const MAX_SPANS = 200;
const MAX_MARKS = 200;
const MAX_TEXT = 300;

const LINE = /^\((?<sec>\d{1,7}\.\d{1,9})\) *(?:\d+: )?(?<text>.*)$/;
/** crit: at the end of what took so long. */
const TOOK = /^(?<name>[\w ]{1,40}): (?<us>\d{1,12}) us$/;
/** CRIU: at the begin of a process's turn. */
const TASK = /^Dumping task \(pid: (?<pid>\d+)/;
const STEP =
  /^(?:Running \S+ scripts|\d+ processes? with|Dumping processes|Seized task|Unfreezing tasks|Writing stats|Dumping finished)/;
const RAN_ON = /^Running on (?<what>.*)$/;
const SPAN_NAMES: Readonly<Record<string, string>> = {
  freezing_time: 'freezing',
  frozen_time: 'frozen',
  memdump_time: 'memory read',
  memwrite_time: 'memory written',
};

/** Reads the lines of a log. */
class Reader {
  readonly spans: LogSpan[] = [];
  readonly marks: LogMark[] = [];
  lines = 0;
  endSec = 0;
  ranOn: string | undefined;
  #turn: { name: string; startSec: number } | undefined;

  add(line: string): void {
    const groups = LINE.exec(line)?.groups;
    if (!groups) return;
    this.lines++;
    const sec = Number(groups['sec']);
    const text = groups['text']!;
    this.endSec = Math.max(this.endSec, sec);
    const took = TOOK.exec(text)?.groups;
    const task = TASK.exec(text)?.groups;
    this.ranOn ??= RAN_ON.exec(text)?.groups?.['what'];
    if (took) {
      const name = SPAN_NAMES[took['name']!] ?? took['name']!;
      this.#span(name, Math.max(0, sec - Number(took['us']) / 1e6), sec);
    } else if (task) {
      this.endTurn(sec);
      this.#turn = { name: `process ${task['pid']}`, startSec: sec };
    } else if (text.startsWith('Error ')) this.#mark(sec, 'error', text);
    else if (text.startsWith('Warn ')) this.#mark(sec, 'warning', text);
    else if (STEP.test(text)) {
      if (this.#turn && !text.startsWith('Seized')) this.endTurn(sec);
      this.#mark(sec, 'step', text);
    }
  }

  endTurn(sec: number): void {
    if (this.#turn) this.#span(this.#turn.name, this.#turn.startSec, sec);
    this.#turn = undefined;
  }

  #span(name: string, startSec: number, endSec: number): void {
    if (this.spans.length < MAX_SPANS) this.spans.push({ name, startSec, endSec });
  }

  #mark(sec: number, kind: LogMark['kind'], text: string): void {
    if (this.marks.length < MAX_MARKS) this.marks.push({ sec, kind, text: text.slice(0, MAX_TEXT) });
  }
}

/** The times of a dump by the log that lies beside its images; undefined where there is none. */
export function logTimes({ images, beside }: Checkpoint): LogTimes | undefined {
  for (const store of [images.store, beside])
    for (const name of NAMES) {
      const bytes = headOf(store, name, MAX_BYTES);
      if (!bytes) continue;
      const reader = new Reader();
      for (const line of Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n'))
        reader.add(line);
      reader.endTurn(reader.endSec);
      if (reader.lines === 0) continue;
      const { lines, endSec, spans, marks, ranOn } = reader;
      const isCut = bytes.length === MAX_BYTES;
      return { file: store.pathOf(name), lines, endSec, spans, marks, ranOn, isCut };
    }
  return undefined;
}
