// What runs, for people (`stack.json`) and for the next starter should this one be killed (`processes.json`).
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Bookkeeping } from './bookkeeping.ts'
import { end, type Identity } from './identity.ts'
import type { Part } from './part.ts'

type Process = Identity & Pick<Part, 'name' | 'level' | 'stop'>

const retryMs = 2_000

export class StackFile {
  private readonly data: string
  private readonly running = new Map<string, Process & { address: string }>()
  private readonly writing = new Bookkeeping('writing stack.json', 'it is written again as soon as that is possible')
  private retry: NodeJS.Timeout | undefined

  constructor(data: string) {
    this.data = data
  }

  started(part: Part, who: Identity): void {
    const { name, address, level, stop } = part
    this.running.set(name, { name, address, level, stop, ...who })
    this.rewrite()
  }

  ended(name: string): void {
    this.running.delete(name)
    this.rewrite()
  }

  processes(): Process[] {
    return [...this.running.values()]
  }

  /** Also when nothing runs yet, so that it names the starter from the first moment. Throws when that is not possible. */
  write(): void {
    const processes = this.processes()
    // Before stack.json: whoever reads a pid there may rely on the next starter knowing it too.
    replace(join(this.data, 'processes.json'), processes)
    const parts = [...this.running.values()].map(({ name, pid, address }) => ({ name, pid, address }))
    replace(join(this.data, 'stack.json'), { starter: process.pid, parts })
  }

  remove(): void {
    clearTimeout(this.retry)
    this.writing.try(() => {
      rmSync(join(this.data, 'stack.json'), { force: true })
      rmSync(join(this.data, 'processes.json'), { force: true })
    })
  }

  /** At a change while the stack runs: a full disk must not end it. */
  private rewrite(): void {
    clearTimeout(this.retry)
    this.writing.try(() => this.write())
    if (this.writing.failed) this.retry = setTimeout(() => this.rewrite(), retryMs)
  }
}

/** Readers never see half a file. */
function replace(path: string, content: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(content)}\n`)
  renameSync(`${path}.new`, path)
}

/**
 * What the last starter of this data folder had running; empty after a clean stop, and where a power cut left half a file:
 * nothing has outlived that.
 */
export function lastProcesses(data: string): Process[] {
  try {
    return JSON.parse(readFileSync(join(data, 'processes.json'), 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Ends processes level by level, the highest first; those of one level side by side. */
export async function endInOrder(processes: Process[]): Promise<void> {
  const levels = [...new Set(processes.map((p) => p.level))].sort((a, b) => b - a)
  for (const level of levels) {
    await Promise.all(processes.filter((p) => p.level === level).map((p) => end(p, p.stop.signal, p.stop.limit)))
  }
}
