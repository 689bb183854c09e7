import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import { LogOutput } from './log-output.ts'

interface LogOptions {
  /** `cart` */
  service: string
  /** `cart-2` */
  instance: string
  level: string
  /** Instead of standard output. */
  file?: string | undefined
}

/** JSON, a line each; for a person at a terminal, text. */
export async function openLogger({ service, instance, level, file }: LogOptions): Promise<Logger> {
  const options = {
    level,
    base: { service, instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (name: string) => ({ level: name }) },
  }
  // Not process.stdout.isTTY: to make that stream is to make a pipe non-blocking, which then refuses lines when it is full.
  if (file !== undefined || !isatty(1)) return pino(options, new LogOutput(file))
  const { default: pretty } = await import('pino-pretty')
  return pino(options, pretty({ sync: true, singleLine: true, ignore: 'service', translateTime: 'SYS:HH:MM:ss.l' }))
}
