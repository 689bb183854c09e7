// Who a process is. A pid alone is not enough: after a crash or a reboot another process may have it, and a starter
// that cleans up by pid alone would kill a stranger.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

export interface Identity {
  pid: number
  /** When it started, as the system tells it; compared, never calculated with. */
  started: string
}

/** Start time of a live process; undefined when there is none (a zombie has ended). */
export function startedAt(pid: number): string | undefined {
  if (process.platform !== 'linux') return startedAtByPs(pid)
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field, the command, is in parentheses and may hold anything: count from its end.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z' || state === 'X') return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[18]}`
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function startedAtByPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch (error) {
    // ps answers 1 when there is no such process.
    if ((error as { status?: number }).status === 1) return undefined
    throw error
  }
}

export const isAlive = (who: Identity): boolean => startedAt(who.pid) === who.started

/** Sends the signal only to the process meant; false when it has ended. */
export function signal(who: Identity, name: NodeJS.Signals): boolean {
  if (!isAlive(who)) return false
  try {
    process.kill(who.pid, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** `signal`, then SIGKILL after `limit` ms; resolves when the process has ended. */
export async function end(who: Identity, first: NodeJS.Signals, limit: number): Promise<void> {
  signal(who, first)
  const patience = performance.now() + limit
  let killed = false
  while (isAlive(who)) {
    if (!killed && performance.now() > patience) killed = signal(who, 'SIGKILL')
    await pause(20)
  }
}
