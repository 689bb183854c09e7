// All commands, and how one of them is run to its exit code.
import { Command, CommanderError } from 'commander'
import type { Add } from './command.ts'
import { commonOptions } from './command.ts'
import { addCompletion } from './commands/completion.ts'
import { addIds } from './commands/ids.ts'
import { addJobs } from './commands/jobs.ts'
import { addLag } from './commands/lag.ts'
import { addLoad } from './commands/load.ts'
import { addOrders } from './commands/orders.ts'
import { addParked } from './commands/parked.ts'
import { addPauses } from './commands/pauses.ts'
import { addRedrive } from './commands/redrive.ts'
import { addResolve } from './commands/resolve.ts'
import { addStatus } from './commands/status.ts'
import { addTimeline } from './commands/timeline.ts'
import { addTools } from './commands/tools.ts'
import { addWatch } from './commands/watch.ts'
import { type CommonOptions, contextOf, type Terminal } from './context.ts'
import { type ExitCode, exitCodes, Failure } from './failure.ts'
import { shown } from './text.ts'

/** Runs one command; `args` are those behind `inorder`. */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done
  const program = programOf(terminal, (ended) => {
    code = ended
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (terminal.signal.aborted) return exitCodes.failed
    return tell(error, terminal, optionsIn(args).includes('--json'))
  }
}

export function programOf(terminal: Terminal, ended: (code: ExitCode) => void): Command {
  const program = commonOptions(new Command('inorder'))
    .description('The orders of inorder, as all services together know them: see them, and act on them.')
    .usage('<command> [options]')
    .addHelpText('after', '\nnpx inorder help <command> has its options and examples; docs/cli.md has all of it.')
    // An option behind a command is the command's own: an id, or a value, may look like any of them.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // Told by `tell`, once.
      writeErr: () => {},
    })
  const add: Add = (syntax, about, examples, action) => {
    const command = program.command(syntax).description(about)
    command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  npx inorder ${example}`).join('\n')}`)
    command.action(async () => {
      const options = command.optsWithGlobals<CommonOptions & Parameters<typeof action>[2]>()
      ended((await action(contextOf(terminal, options), command.args, options)) ?? exitCodes.done)
    })
    return command
  }
  const groups: [title: string, ...adders: ((add: Add, program: Command) => void)[]][] = [
    ['One order:', addTimeline, addOrders],
    ['What needs someone:', addStatus, addParked, addLag, addIds, addWatch],
    ['Letting go on:', addRedrive, addResolve, addJobs, addPauses],
    ['Besides:', addLoad, addTools, addCompletion],
  ]
  for (const [title, ...adders] of groups) {
    program.commandsGroup(title)
    for (const adder of adders) adder(add, program)
  }
  for (const command of program.commands) commonOptions(command)
  return program
}

/** What stands behind -- is no option. */
const optionsIn = (args: readonly string[]) => (args.includes('--') ? args.slice(0, args.indexOf('--')) : args)

function tell(error: unknown, { stderr }: Terminal, json: boolean): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done
    const isOption = error.code === 'commander.unknownOption'
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
    return tell(
      new Failure(message === '(outputHelp)' ? 'which command? npx inorder --help lists them' : message, {
        advice: isOption ? ["An order's id that begins with - goes behind --, or into --key="] : [],
        document: { title: message },
      }),
      { stderr } as Terminal,
      json,
    )
  }
  if (!(error instanceof Failure) && (error as Error).name !== 'BadConfig') throw error
  const { message, advice = [], document = { title: message }, code = exitCodes.failed } = error as Failure
  if (json) stderr.write(`${JSON.stringify(document, null, 2)}\n`)
  else stderr.write([`inorder: ${message}`, ...advice.map((line) => `  ${line}`)].map((l) => `${shown(l)}\n`).join(''))
  return code
}
