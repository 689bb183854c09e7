// What every command has in common: its options, its examples, and how an order's id is given.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Service, services } from './addresses.ts'
import type { CommonOptions, Context } from './context.ts'
import { type ExitCode, Failure } from './failure.ts'

/** `args` are those that were given; nothing for one that was not. */
export type Action<Options> = (
  context: Context,
  args: readonly string[],
  options: Options,
) => Promise<ExitCode | undefined>

/** Adds a command: `why [order]`, what it does, examples as they stand behind `npx inorder`. */
export type Add = <Options = object>(
  syntax: string,
  about: string,
  examples: readonly string[],
  action: Action<Options & CommonOptions>,
) => Command

export function commonOptions(command: Command): Command {
  return command
    .optionsGroup('Everywhere:')
    .option('--url <address>', 'the console; the services are on the ports behind it (default: the local stack)')
    .option('--json', 'answer as JSON')
    .option('-y, --yes', 'do not ask before something is written to another machine')
}

export const serviceOption = (about: string, among: readonly Service[] = services) =>
  new Option('--service <name>', about).choices(among)

export const keyOption = (): Option => new Option('--key <order>', "the order's id, also one that begins with -")

export interface KeyOptions {
  key?: string
}

/** The order's id, given as --key or as the first argument, and the arguments behind it. */
export function keyAnd(args: readonly string[], { key }: KeyOptions): [key: string | undefined, ...rest: string[]] {
  return key === undefined ? [args[0], ...args.slice(1)] : [key, ...args]
}

/** The one order that a command is about. */
export function orderOf(args: readonly string[], options: KeyOptions): string {
  const [key, ...rest] = keyAnd(args, options)
  if (key === undefined) throw new Failure('which order? Give its id (one that begins with -: behind --)')
  if (rest.length > 0) throw new Failure(`one order at a time: ${rest.length} more were given`)
  return key
}

export const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return value
  }

export const decimal =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+(\.\d+)?$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`)
    return value
  }
