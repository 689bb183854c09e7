// What a command works with: where it asks, how it shows, and whether it may write.
import { once } from 'node:events'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'
import { secretOf } from '@inorder/storage/settings.ts'
import { type Addresses, addressesOf, type Where } from './addresses.ts'
import { type Ask, askerOf, isHere } from './ask.ts'
import { Failure } from './failure.ts'
import { pasteable } from './text.ts'

export interface Terminal {
  env: NodeJS.ProcessEnv
  stdin: NodeJS.ReadStream
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  /** Ctrl-C. */
  signal: AbortSignal
}

/** Those that every command has. */
export interface CommonOptions {
  url?: string
  json?: boolean
  yes?: boolean
}

export interface Context {
  ask: Ask
  addresses: Addresses
  authorization: string | undefined
  json: boolean
  now(): number
  /** Lines for standard output; they are text, nothing foreign in it that `shown` has not seen. */
  print(...lines: string[]): void
  /** What `--json` answers, once. */
  answer(body: unknown): void
  /** A line for standard error, over the one before where that is a terminal. */
  progress(line: string): void
  paint(format: Parameters<typeof styleText>[0], text: string): string
  /** A command to paste, of `inorder` as this one was called: `inorder ...`, or `npx inorder ...`. */
  paste(command: string): string
  /** Asks before a write leaves this machine. */
  mayWrite(what: string, ...where: Where[]): Promise<void>
  readStdin(): Promise<string>
  signal: AbortSignal
}

export function contextOf(terminal: Terminal, options: CommonOptions): Context {
  const { env, stdin, stdout, stderr, signal } = terminal
  const addresses = addressesOf(env, options.url)
  const token = secretOf(env, 'INORDER_TOKEN')
  const inClear = Object.values(addresses)
    .flat()
    .find((address) => address.startsWith('http:') && !isHere(address))
  if (token !== undefined && inClear) stderr.write(`warning: INORDER_TOKEN goes to ${inClear} in clear text\n`)
  const operator = env.INORDER_OPERATOR || env.USER || env.LOGNAME || userOfProcess()
  const json = options.json ?? false
  return {
    ask: askerOf(addresses, { token, operator }, signal),
    addresses,
    authorization: token === undefined ? undefined : `Bearer ${token}`,
    json,
    now: () => Date.now(),
    print: (...lines) => void stdout.write(lines.map((line) => `${line}\n`).join('')),
    answer: (body) => void stdout.write(`${JSON.stringify(body, null, 2)}\n`),
    progress: (line) => void (stderr.isTTY && !json && stderr.write(`\r\x1b[K${line}`)),
    paste: (command) => pasteable(command, env.npm_command === 'exec' && command.startsWith('inorder ') ? 'npx ' : ''),
    paint: (format, text) => styleText(format, text, { stream: stdout }),
    async mayWrite(what, ...where) {
      const away = where.flatMap((one) => addresses[one]).filter((address) => !isHere(address))
      if (away.length === 0 || options.yes) return
      const question = `${what}: this writes to ${[...new Set(away)].join(', ')}, which is not this machine.`
      if (!stdin.isTTY || !stderr.isTTY || json) throw new Failure(question, { advice: ['With --yes it is done.'] })
      // Not as a terminal: Ctrl-C stays the signal that it is.
      const asked = createInterface({ input: stdin, output: stderr, terminal: false })
      const ended = once(asked, 'close').then(() => '')
      const said = await Promise.race([asked.question(`${question} Go on? [y/N] `, { signal }), ended])
      asked.close()
      if (!/^y(es)?$/i.test(said.trim())) throw new Failure('nothing was done')
    },
    async readStdin() {
      const pieces: Buffer[] = []
      for await (const piece of stdin) pieces.push(piece)
      return Buffer.concat(pieces).toString()
    },
    signal,
  }
}

/** A container often has no USER, and may have a user without a name. */
function userOfProcess(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.()}`
  }
}
