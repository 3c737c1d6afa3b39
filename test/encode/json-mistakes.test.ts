import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CritError, decodeImage, encodeImage, ImageError, imageJson } from '../../src/index.js';
import { locate } from '../../src/encode/locate.js';
import { crit } from '../cli/run-crit.js';
import { fixture } from '../project-path.js';

/** What encode says of a text on standard input. */
function said(json: string): string {
  const { status, stderr } = crit(['encode', '-o', '/dev/null'], { input: json });
  assert.equal(status, 1);
  return stderr.replace(/^crit: standard input: line /, '').trimEnd();
}

const FS = (umask: string) =>
  `{\n  "magic": "FS",\n  "entries": [\n    {"cwd_id": 1, "root_id": 2,\n     "umask": ${umask}}\n  ]\n}\n`;

describe('a mistake in JSON has its line and column', () => {
  it('of a value', () => {
    assert.equal(said(FS('"x"')), '5:15: entries[0].umask: expected an integer, got "x"');
    assert.equal(said(FS('18446744073709551615')).split(': ')[0], '5:15');
  });
  it('of the syntax', () => {
    assert.match(said(FS('x')), /^5:15: entries\[0\]\.umask: expected a value, got x$/);
    assert.match(said('{"magic": "FS",\n"entries": [,]}'), /^2:13: /);
  });
  it('of a member that is missing, that of what it belongs to', () => {
    assert.match(said('{"magic": "FS",\n "entries": [\n {"cwd_id": 1}]}'), /^3:2: entries\[0\]\.root_id: /);
  });
  it('far into a long text, whatever came before', () => {
    const many = Array.from({ length: 50_000 }, (_, i) => `{"id": ${i}, "flags": 0, "type": "REG", "fd": ${i}}`).join(
      ',\n',
    );
    const text = `{"magic": "FDINFO", "entries": [\n${many},\n{"id": 1,\n"flags": 0, "type": "REGULAR", "fd": 3}]}`;
    assert.match(said(text), /^50003:21: entries\[50000\]\.type: fd_types has no value "REGULAR"$/);
  });
  it('counted in characters', () => {
    assert.match(
      said(`{"magic": "FS", "entries": [{"cwd_id": 1, "root_id": 2, "umask": "äöü", "x": 1}]}`),
      /^1:66: entries\[0\]\.umask/,
    );
  });
  it('for the library too, beside the message', () => {
    try {
      encodeImage(FS('"x"'));
      assert.fail();
    } catch (error) {
      assert.ok(error instanceof ImageError);
      assert.deepEqual([error.line, error.column], [5, 15]);
      assert.equal(error.message, 'entries[0].umask: expected an integer, got "x"');
    }
  });
  it('found by its path', () => {
    const json = '{ "a" : [ {"b\\"": 1, "c": {"d": [10, 20]}} ] , "e" : "x" }';
    assert.equal(json.slice(locate(json, 'a[0].c.d[1]')), '20]}} ] , "e" : "x" }');
    assert.equal(json.slice(locate(json, 'e')), '"x" }');
    assert.equal(json.slice(locate(json, 'a[0].nothing'))[0], '{');
  });
});

describe('numbers beyond 2^53', () => {
  const core = fixture('tree/core-819.img');
  const rounded = (text: string): string => JSON.stringify(JSON.parse(text));
  it('go through another JSON program with --big-as-strings', () => {
    const { stdout } = crit(['decode', '-i', core, '--big-as-strings']);
    const { stdout: bytes, status } = crit(['encode'], { input: rounded(stdout.toString()) });
    assert.equal(status, 0);
    assert.deepEqual(decodeImage(new Uint8Array(bytes)), decodeImage(core));
    assert.match(stdout.toString(), /"18446744073709551615"/);
    assert.doesNotMatch(stdout.toString(), /: ?\d{17}/);
    assert.equal(imageJson(core, { bigAsStrings: true }), stdout.toString().trimEnd());
  });
  it('and with show', () => {
    const { stdout } = crit(['show', core, '--big-as-strings']);
    const { stdout: bytes } = crit(['encode'], { input: rounded(stdout.toString()) });
    assert.deepEqual(decodeImage(new Uint8Array(bytes)), decodeImage(core));
  });
  it('that were rounded are told of', () => {
    assert.match(
      said(rounded(crit(['decode', '-i', core]).stdout.toString())),
      /18446744073709552000 does not fit a field of type uint64 \(a JSON tool has rounded this number: print the image with --big-as-strings\)$/,
    );
  });
});

describe('words', () => {
  const encoded = (magic: string, entry: object): unknown =>
    decodeImage(encodeImage({ magic, entries: [entry] })).entries[0]!.message;
  it('a mode in octal as people write it', () => {
    assert.equal((encoded('FS', { cwd_id: 1, root_id: 2, umask: '022' }) as { umask: number }).umask, 0o22);
    assert.equal((encoded('FS', { cwd_id: 1, root_id: 2, umask: '0o27' }) as { umask: number }).umask, 0o27);
    assert.throws(() => encoded('FS', { cwd_id: '01', root_id: 2 }), { code: 'BAD_JSON' });
  });
  it('names of signals in a mask', () => {
    const entry = {
      id: 1,
      flags: 0,
      fown: { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 },
      sigmask: 'SIGINT | SIGTERM',
    };
    assert.equal((encoded('SIGNALFD', entry) as { sigmask: bigint }).sigmask, 0x4002n);
    assert.throws(() => encoded('SIGNALFD', { ...entry, sigmask: 'SIGNONE' }), /names of signals/);
  });
  it('a wrong state lists the right ones', () => {
    const json = imageJson(fixture('tree/core-819.img'), { pretty: true }).replace('"Alive"', '"Zombi"');
    assert.throws(
      () => encodeImage(json),
      /task_state: expected an integer, got "Zombi": one of Alive, Zombie, Stopped$/,
    );
  });
});

describe('the library refuses', () => {
  it('a key that is no field, at any depth', () => {
    const image = decodeImage(fixture('tree/core-819.img'));
    const message = image.entries[0]!.message as Record<string, unknown>;
    message['colour'] = 1;
    assert.throws(() => encodeImage(image), {
      code: 'BAD_JSON',
      message: 'entries[0].colour: core_entry has no such field',
    });
    message['colour'] = undefined;
    (message['tc'] as Record<string, unknown>)['coom'] = 'x';
    assert.throws(() => encodeImage(image), { message: 'entries[0].tc.coom: task_core_entry has no such field' });
  });
  it('what is no image, in words', () => {
    const wrong = (value: unknown) => value as never;
    for (const value of [null, undefined, 5])
      for (const call of [() => encodeImage(wrong(value)), () => decodeImage(wrong(value))])
        assert.throws(
          call,
          (error) => error instanceof CritError && error.code === 'BAD_ARGUMENT' && /, not /.test(error.message),
        );
  });
});
