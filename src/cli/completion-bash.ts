import type { CompletedCommand, Value } from './completion-words.js';

/** What a word is completed with: a call of one of the functions below. */
function call(value: Value): string {
  if (value === 'any') return ':';
  if (typeof value !== 'string') return `_crit_words '${value.join(' ')}'`;
  return { file: '_crit_files -f', directory: '_crit_files -d', pid: '_crit_pids' }[value];
}

const withValue = (command: CompletedCommand): { names: readonly string[]; value: Value }[] =>
  command.options.flatMap(({ names, value }) => (value === undefined ? [] : [{ names, value }]));

function caseOf(command: CompletedCommand): string {
  const values = withValue(command).map(
    ({ names, value }) => `        ${names.join('|')}) ${call(value)}; return ;;\n`,
  );
  const places = command.positionals.map((value, i) => `        ${i}) ${call(value)} ;;\n`);
  return [
    `    ${command.name})\n`,
    ...(values.length > 0 ? ['      case "$prev" in\n', ...values, '      esac\n'] : []),
    `      case "$cur" in -*) _crit_words '${command.options.flatMap(({ names }) => names).join(' ')}'; return ;; esac\n`,
    ...(places.length > 0 ? ['      case "$at" in\n', ...places, '      esac\n'] : []),
    '      ;;\n',
  ].join('');
}

/**
 * For two shells: zsh runs them through bashcompinit. Names of files are offered as they are; bash quotes what it puts into
 * the line (compopt -o filenames).
 */
export function bashFunctions(commands: readonly CompletedCommand[]): string {
  const valued = [...new Set(commands.flatMap((command) => withValue(command).flatMap(({ names }) => names)))];
  const names = commands.map(({ name }) => name).join(' ');
  return `_crit_words() {
  local word
  for word in $(compgen -W "$1" -- "$cur"); do COMPREPLY+=("$word"); done
}
_crit_files() {
  local name typed="$cur"
  # The word is as it was typed: an open quote, backslashes.
  case "$typed" in \\"*|\\'*) typed="\${typed#?}" ;; *) typed="\${typed//\\\\/}" ;; esac
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen "$1" -- "$typed")
  compopt -o filenames 2>/dev/null
}
_crit_pids() {
  _crit_words "$(cd /proc 2>/dev/null && printf '%s ' [0-9]*)"
}
_crit() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev='' command='' at=0 i
  if [ "$COMP_CWORD" -gt 0 ]; then prev="\${COMP_WORDS[COMP_CWORD-1]}"; fi
  COMPREPLY=()
  # --name=value is three words to bash
  if [ "$cur" = '=' ]; then cur=''; elif [ "$prev" = '=' ]; then prev="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${valued.join('|')}) i=$((i + 1)); if [ "\${COMP_WORDS[i]}" = '=' ]; then i=$((i + 1)); fi ;;
      -*|=) ;;
      *) if [ -z "$command" ]; then command="\${COMP_WORDS[i]}"; else at=$((at + 1)); fi ;;
    esac
  done
  case "$command" in
    '') _crit_words '${names} --help --version' ;;
${commands.map(caseOf).join('')}    *) _crit_files -f ;;
  esac
}
`;
}
