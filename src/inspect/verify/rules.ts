import { coreRules } from './cores.js';
import { descriptorRules, tableRules } from './descriptors.js';
import type { Rule } from './finding.js';
import { imageRules } from './images.js';
import { memoryRules } from './memory.js';
import { namespaceRules } from './namespaces.js';
import { objectRules } from './objects.js';
import { pagemapRules } from './pagemaps.js';
import { pipeRules } from './pipes.js';
import { socketRules } from './sockets.js';
import { terminalRules } from './terminals.js';
import { treeRules } from './tree.js';
import { watchRules } from './watches.js';

/** All rules about the images alone, in the order in which they are followed. */
export const CONTENT_RULES: readonly Rule[] = [
  ...treeRules,
  ...coreRules,
  ...descriptorRules,
  ...memoryRules,
  ...namespaceRules,
  ...watchRules,
  ...objectRules,
  ...pagemapRules,
  ...pipeRules,
  ...socketRules,
  ...terminalRules,
  ...tableRules,
];

/** In the order of docs/verify.md and of findings. */
export const RULES: readonly Rule[] = [...imageRules, ...CONTENT_RULES];
