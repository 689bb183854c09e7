// Starts parts, starts them again when they end, and stops them in order.
//   launched -> ready -> (ends) -> pause -> launched ...   until stop()
// A part that ends before it was ever ready fails the start; a frozen one is left alone.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { copyOver, turnOver } from '@inorder/http/log-output.ts'
import { Bookkeeping } from './bookkeeping.ts'
import { StartFailure, Stopped } from './failure.ts'
import { startedAt } from './identity.ts'
import { say } from './output.ts'
import { logOf, type Part } from './part.ts'
import { endInOrder, type StackFile } from './stack-file.ts'
import { lastLine } from './tool.ts'

const readyLimit = 90_000
/** Pause before a part is started again, doubled while it keeps ending within `healthyAfter`. */
const firstPause = 100
const longestPause = 10_000
const healthyAfter = 30_000
/** How often a log that grows is looked at. */
const logLookMs = 10_000

export class Supervisor {
  private readonly data: string
  private readonly file: StackFile
  private readonly stopping: AbortSignal
  private readonly logging = new Bookkeeping('writing to the logs', 'what its parts say meanwhile is lost')

  constructor(options: { data: string; file: StackFile; stopping: AbortSignal }) {
    this.data = options.data
    this.file = options.file
    this.stopping = options.stopping
    mkdirSync(dirname(logOf(options.data, '')), { recursive: true })
  }

  /** Resolves when the part is ready; throws StartFailure if it is not to be had. */
  async start(part: Part): Promise<void> {
    // A file for each start, and those of the last ones: what they said is there to look at.
    this.logging.try(() => turnOver(this.logPath(part)))
    if (part.logGrows) setInterval(() => this.logging.try(() => copyOver(this.logPath(part))), logLookMs).unref()
    for (let attempt = 1; ; attempt++) {
      const child = this.launch(part)
      const ended = await this.readyOrEnded(part, child)
      if (!ended) return this.keepRunning(part, child, performance.now(), firstPause)
      if (attempt >= (part.attempts ?? 1)) {
        const log = this.logging.try(() => readFileSync(this.logPath(part), 'utf8')) ?? ''
        const why = told(lastLine(log) ?? 'it said nothing')
        throw new StartFailure(`${part.name} ${ended} before it was ready: ${why} (more in ${this.logPath(part)})`)
      }
      await this.pause(500)
    }
  }

  /** Ends everything that runs; after `stopping` nothing is launched any more. */
  async stop(): Promise<void> {
    await endInOrder(this.file.processes())
    this.file.remove()
  }

  private logPath(part: Part): string {
    return logOf(this.data, part.name)
  }

  private launch(part: Part): ChildProcess {
    if (this.stopping.aborted) throw new Stopped()
    const { file, args, ...options } = part.command
    const log = this.logging.try(() => openSync(this.logPath(part), 'a'))
    const output = log ?? 'ignore'
    // A process group of its own: the terminal's signals reach only the starter, which passes on one, in order.
    const child = spawn(file, args, { ...options, stdio: ['ignore', output, output], detached: true })
    if (log !== undefined) closeSync(log)
    child.once('error', (error) => say(`${part.name}: ${error.message}`))
    const started = child.pid && startedAt(child.pid)
    if (child.pid && started) this.file.started(part, { pid: child.pid, started })
    child.once('exit', () => this.file.ended(part.name))
    return child
  }

  private async readyOrEnded(part: Part, child: ChildProcess): Promise<string | undefined> {
    const begun = performance.now()
    while (!(await part.isReady().catch(() => false))) {
      if (hasEnded(child)) return howItEnded(child)
      const waited = performance.now() - begun
      if (waited > readyLimit) {
        throw new StartFailure(`${part.name} is not ready after ${readyLimit / 1000} s: see ${this.logPath(part)}`)
      }
      // Twenty looks a second took a tenth of the processor from the parts that start.
      await this.pause(Math.max(50, waited / 20))
    }
    // Whoever answered in its place, it was not this process.
    return hasEnded(child) ? howItEnded(child) : undefined
  }

  private keepRunning(part: Part, child: ChildProcess, launchedAt: number, wait: number): void {
    const again = () => {
      if (this.stopping.aborted) return
      const healthy = performance.now() - launchedAt > healthyAfter
      const now = healthy ? firstPause : wait
      say(`${part.name} ${howItEnded(child)}: starting it again`)
      setTimeout(() => {
        if (this.stopping.aborted) return
        this.keepRunning(part, this.launch(part), performance.now(), Math.min(now * 2, longestPause))
      }, now)
    }
    if (hasEnded(child)) again()
    else child.once('exit', again)
  }

  private async pause(ms: number): Promise<void> {
    await pause(ms)
    if (this.stopping.aborted) throw new Stopped()
  }
}

const hasEnded = (child: ChildProcess) => !child.pid || child.exitCode !== null || child.signalCode !== null

const howItEnded = (child: ChildProcess) =>
  child.pid ? `ended (${child.signalCode ?? `exit code ${child.exitCode}`})` : 'could not be run'

/** A service writes JSON: its error's message alone is for people. */
function told(line: string): string {
  try {
    return JSON.parse(line).err.message
  } catch {
    return line
  }
}
