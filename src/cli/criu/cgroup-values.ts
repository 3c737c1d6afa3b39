import { readFileSync } from 'node:fs';
import { ANY_CONTROLLER, type CgroupProps } from '../../image/cgroup-mode.js';
import { whyFailed } from '../../image/system-words.js';
import { UsageError } from '../usage-error.js';

/** The argument of --cgroup-root: PATH, or CONTROLLER:PATH. @throws UsageError */
export function parseCgroupRoot(text: string, as: string): readonly [controller: string, path: string] {
  const match = /^(?:([^/:]*):)?(\/.*)$/s.exec(text);
  const path = match?.[2] ?? '';
  if (!match || path.split('/').includes('..'))
    throw new UsageError(`option ${as}: "${text}" is not [CONTROLLER:]/PATH`);
  return [match[1] ?? ANY_CONTROLLER, path];
}

const QUOTED = '"[^"\\n]*"';
const CONTROLLER = new RegExp(
  `^\\s*(${QUOTED}):\\s*\\n\\s*- "strategy": "(merge|replace)"\\s*\\n\\s*- "properties": \\[\\s*((?:${QUOTED}(?:,\\s*)?)*)\\s*\\]\\s*(?:\\n|$)`,
);

/**
 * The argument of --cgroup-props, in CRIU's simplified YAML: a controller in quotes, and below it its strategy (merge or
 * replace) and its properties.
 * @param where to say where it stands @throws UsageError
 */
export function parseCgroupProps(text: string, where: string): CgroupProps {
  const props = new Map<string, { replace: boolean; files: readonly string[] }>();
  let rest = text;
  while (rest.trim() !== '') {
    const match = CONTROLLER.exec(rest);
    if (!match) {
      const line = text.slice(0, text.length - rest.trimStart().length).split('\n').length;
      throw new UsageError(
        `${where}: line ${line} does not begin a controller: "NAME":, then - "strategy": "merge" or "replace", then - "properties": ["FILE", ...]`,
      );
    }
    const files = [...match[3]!.matchAll(new RegExp(QUOTED, 'g'))].map(([word]) => word.slice(1, -1));
    for (const file of files)
      if (!/^[\w.-]+$/.test(file) || file.startsWith('.') || file === 'release_agent')
        throw new UsageError(`${where}: "${file}" cannot be a property of a control group`);
    props.set(match[1]!.slice(1, -1), { replace: match[2] === 'replace', files });
    rest = rest.slice(match[0].length);
  }
  return props;
}

/** The file of --cgroup-props-file. @throws UsageError */
export function readCgroupProps(file: string, as: string): CgroupProps {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`option ${as}: ${file}: ${whyFailed(error)}`);
  }
  return parseCgroupProps(text, file);
}
