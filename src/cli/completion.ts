import { print } from './stdout.js';
import type { Command } from './command.js';

/** CRIU's commands, which take CRIU's options; completed by name only. */
const CRIU_COMMANDS = [
  'dump',
  'pre-dump',
  'restore',
  'check',
  'dedup',
  'cpuinfo',
  'page-server',
  'lazy-pages',
  'service',
];

function cases(commands: readonly Command[]): string {
  return commands
    .map((command) => {
      const options = command.options.flatMap(({ name, alias }) =>
        alias === undefined ? [`--${name}`] : [`--${name}`, `-${alias}`],
      );
      const choices = command.positionals.map(({ choices: words }) => words?.join(' ') ?? '@file');
      return `    ${command.name}) options='${[...options, '--help'].join(' ')}'; words=(${choices.map((c) => `'${c}'`).join(' ')}) ;;`;
    })
    .join('\n');
}

/** One function for both shells: zsh runs it through bashcompinit. */
function script(commands: readonly Command[]): string {
  const names = [...commands.map(({ name }) => name), ...CRIU_COMMANDS].join(' ');
  return `_crit() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command='' options='' at=0 i
  local -a words=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -i|--in|-o|--out) ((i++)) ;;
      -*) ;;
      *) if [ -z "$command" ]; then command="\${COMP_WORDS[i]}"; else at=$((at + 1)); fi ;;
    esac
  done
  case "$command" in
    '') COMPREPLY=($(compgen -W '${names} --help --version' -- "$current")); return ;;
${cases(commands)}
    *) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$current" in -*) COMPREPLY=($(compgen -W "$options" -- "$current")); return ;; esac
  local word="\${words[@]:$at:1}"
  if [ -n "$word" ] && [ "$word" != '@file' ]; then
    COMPREPLY=($(compgen -W "$word" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
`;
}

/** The completion script for a shell; @param commands all subcommands */
export function completionScript(shell: string, commands: readonly Command[]): string {
  const zsh =
    shell === 'zsh' ? 'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n' : '';
  return `# crit completion for ${shell}; load it with: source <(crit completion ${shell})\n${zsh}${script(commands)}complete -o filenames -F _crit crit\n`;
}

export const completion: Command = {
  name: 'completion',
  describe: 'print the script that completes crit command lines in a shell',
  positionals: [{ name: 'shell', describe: 'the shell', choices: ['bash', 'zsh'] }],
  options: [],
  examples: [
    ['completion bash > /etc/bash_completion.d/crit', 'for all users of bash'],
    ['completion zsh > ~/.crit-completion.zsh', 'then source that file in ~/.zshrc'],
  ],
  run: async (args) => {
    const { allCommands } = await import('./commands.js');
    const shell = args.positionals['shell'] ?? 'bash';
    print(completionScript(shell, await allCommands()));
    return 0;
  },
};
