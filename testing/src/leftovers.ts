// Every process that a test run started carries the run's temporary folder in its environment, so that none can stay
// behind unseen, whoever started it.
import { readdirSync, readFileSync } from 'node:fs'

export interface Leftover {
  pid: number
  command: string
}

/** Live processes, except ours, whose TMPDIR is `folder` or below it. Linux only; elsewhere none are seen. */
export function processesOf(folder: string): Leftover[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => `\0${read(`/proc/${pid}/environ`)}`.replaceAll('\0', '/\0').includes(`\0TMPDIR=${folder}/`))
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 200) }))
}

/** A process may end while we look, or be another user's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
