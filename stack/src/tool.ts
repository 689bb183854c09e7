// Runs a tool to its end: Maven, tar, initdb, pip.
import { spawn } from 'node:child_process'
import { Stopped } from './failure.ts'
import type { Command } from './part.ts'

export class ToolFailed extends Error {
  readonly missing: boolean
  constructor(file: string, why: string, missing = false) {
    super(`${file}: ${why}`)
    this.missing = missing
  }
}

/** Standard output; throws ToolFailed with the last line it wrote, Stopped when `stopping` ends it. */
export function run(command: Omit<Command, 'cwd'> & { cwd?: string }, stopping: AbortSignal): Promise<string> {
  if (stopping.aborted) throw new Stopped()
  const { file, args, ...options } = command
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    // The whole group: mvn and initdb have processes of their own below them.
    const kill = () => child.pid && process.kill(-child.pid, 'SIGKILL')
    stopping.addEventListener('abort', kill)
    let out = ''
    let all = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text
      all += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      all += text
    })
    child.once('error', (error: NodeJS.ErrnoException) => {
      stopping.removeEventListener('abort', kill)
      reject(new ToolFailed(file, error.message, error.code === 'ENOENT'))
    })
    child.once('close', (code, signal) => {
      stopping.removeEventListener('abort', kill)
      if (code === 0) resolve(out)
      else if (stopping.aborted) reject(new Stopped())
      else reject(new ToolFailed(file, lastLine(all) ?? `ended with ${signal ?? code}`))
    })
  })
}

/** What a tool or a log says last is most often why it gave up; errors are preferred to what follows them. */
export function lastLine(text: string): string | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  return lines.findLast((line) => /error|fatal|exception/i.test(line)) ?? lines.at(-1)
}
