// Completion of commands, options and their values by a shell, made of the commands as they are.
import { quoted } from '@inorder/contracts/shell.ts'
import type { Command, Option } from 'commander'
import type { Add } from '../command.ts'

const shells = { bash, zsh, fish }

export function addCompletion(add: Add, program: Command): void {
  const command = add(
    'completion <shell>',
    'a script that completes commands and options, for bash, zsh or fish',
    ['completion bash   (source <(inorder completion bash))', 'completion fish | source'],
    async (context, [shell]) => {
      const script = shells[shell as keyof typeof shells](program)
      if (context.json) context.answer({ shell, script })
      else context.print(script)
    },
  )
  command.registeredArguments[0]!.choices(Object.keys(shells))
}

const visible = (command: Command): Option[] => command.options.filter(({ hidden }) => !hidden)
const longs = (command: Command): string[] => [...visible(command).map(({ long }) => long!), '--help']
/** `--service`, and what may stand behind it, in one command or another. */
function valued(program: Command): Map<string, string[]> {
  const all = program.commands.flatMap(visible).filter(({ argChoices }) => argChoices)
  const byName = Map.groupBy(all, ({ long }) => long!)
  return new Map([...byName].map(([long, of]) => [long, [...new Set(of.flatMap(({ argChoices }) => argChoices!))]]))
}
const names = (program: Command): string => program.commands.map((command) => command.name()).join(' ')

function bash(program: Command): string {
  const values = [...valued(program)].map(([option, choices]) => `    ${option}) words="${choices.join(' ')}" ;;`)
  const options = program.commands.map((one) => `    ${one.name()}) words="${longs(one).join(' ')}" ;;`)
  return `_inorder() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words=
  # bash takes the = of --option=value for a word.
  if [[ $current == = ]]; then current=; elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case $before in
${values.join('\n')}
  esac
  if [[ -z $words ]]; then
    if (( COMP_CWORD == 1 )); then words="${names(program)}"; else case \${COMP_WORDS[1]} in
${options.join('\n')}
    esac; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _inorder inorder`
}

function zsh(program: Command): string {
  const values = [...valued(program)].map(
    ([option, choices]) => `    ${option}) compadd -- ${choices.join(' ')}; return ;;`,
  )
  const options = program.commands.map((one) => `    ${one.name()}) compadd -- ${longs(one).join(' ')} ;;`)
  return `#compdef inorder
_inorder() {
  local before=$words[CURRENT-1]
  if [[ $words[CURRENT] == --*=* ]]; then before=\${words[CURRENT]%%=*}; compset -P '*='; fi
  case $before in
${values.join('\n')}
  esac
  if (( CURRENT == 2 )); then compadd -- ${names(program)}; return; fi
  case $words[2] in
${options.join('\n')}
  esac
}
compdef _inorder inorder`
}

function fish(program: Command): string {
  const lines = program.commands.flatMap((one) => {
    const of = `complete -c inorder -n '__fish_seen_subcommand_from ${one.name()}'`
    return [
      `complete -c inorder -f -n __fish_use_subcommand -a ${one.name()} -d ${quoted(one.description())}`,
      ...visible(one).map(({ long, description, argChoices, required }) => {
        const value = argChoices ? ` -x -a ${quoted(argChoices.join(' '))}` : required ? ' -r' : ''
        return `${of} -l ${long!.slice(2)} -d ${quoted(description)}${value}`
      }),
    ]
  })
  return lines.join('\n')
}
