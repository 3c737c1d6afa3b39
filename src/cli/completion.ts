import { print } from './stdout.js';
import type { Command } from './command.js';
import { bashFunctions } from './completion-bash.js';
import { fishScript } from './completion-fish.js';
import { completedCommands } from './completion-words.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** How a shell loads what is printed. */
const LOAD: Readonly<Record<string, string>> = {
  bash: 'source <(crit completion bash)',
  zsh: 'source <(crit completion zsh)',
  fish: 'crit completion fish | source',
};

/** The completion script for a shell; @param commands all subcommands of crit's own */
export function completionScript(shell: string, commands: readonly Command[]): string {
  const head = `# crit completion for ${shell}; load it with: ${LOAD[shell] ?? ''}\n`;
  const completed = completedCommands(commands);
  if (shell === 'fish') return `${head}${fishScript(completed)}`;
  if (shell === 'bash') return `${head}${bashFunctions(completed)}complete -F _crit crit\n`;
  // Names of files are left to zsh itself, which knows how to quote them.
  return [
    head,
    'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n',
    bashFunctions(completed),
    '_crit_files() { :; }\ncomplete -o default -F _crit crit\n',
  ].join('');
}

export const completion: Command = {
  name: 'completion',
  describe: 'print the script that completes crit command lines in a shell',
  positionals: [{ name: 'shell', describe: 'the shell', choices: SHELLS }],
  options: [],
  examples: [
    ['completion bash > /etc/bash_completion.d/crit', 'for all users of bash'],
    ['completion zsh > ~/.crit-completion.zsh', 'then source that file in ~/.zshrc'],
    ['completion fish > ~/.config/fish/completions/crit.fish', 'for fish'],
  ],
  run: async (args, allCommands) => {
    const shell = args.positionals['shell'] ?? 'bash';
    print(completionScript(shell, await allCommands()));
    return 0;
  },
};
