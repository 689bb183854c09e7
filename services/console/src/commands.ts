// Commands of `inorder`, the command line, that a person can paste into a POSIX shell as they are.
import { quoted } from '@inorder/contracts/shell.ts'

/** `true`: an option without a value. */
type Options = Record<string, string | true>

/** Values stand behind `=`, and arguments behind `--`, so that none that begins with - is taken for an option. */
export function command(name: string, options: Options, ...args: readonly string[]): string {
  const given = Object.entries(options).map(([option, value]) =>
    value === true ? `--${option}` : `--${option}=${quoted(value)}`,
  )
  return ['inorder', name, ...given, ...(args.length > 0 ? ['--', ...args.map(quoted)] : [])].join(' ')
}
