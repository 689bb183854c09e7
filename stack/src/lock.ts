// One starter a data folder.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Bookkeeping } from './bookkeeping.ts'
import { StartFailure } from './failure.ts'
import { type Identity, isAlive, startedAt } from './identity.ts'

const releasing = new Bookkeeping('removing starter.lock', 'the next start takes it over')

/** Throws StartFailure while another starter of this folder lives; the lock of a dead one is taken over. */
export function takeLock(data: string): { release: () => void } {
  const path = join(data, 'starter.lock')
  const mine = `${path}.${process.pid}`
  const me: Identity = { pid: process.pid, started: startedAt(process.pid) ?? '' }
  // A link appears with its content; a file opened with "wx" is empty for a moment, and for ever if we die in it.
  writeFileSync(mine, JSON.stringify(me))
  try {
    while (!tryLink(mine, path)) removeIfDead(path, `${mine}.stale`)
  } finally {
    rmSync(mine)
  }
  return { release: () => releasing.try(() => rmSync(path, { force: true })) }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function removeIfDead(path: string, aside: string): void {
  try {
    refuseIfAlive(readFileSync(path, 'utf8'))
    // Another starter may have replaced the dead lock since: what was moved away is looked at again.
    renameSync(path, aside)
    try {
      refuseIfAlive(readFileSync(aside, 'utf8'))
    } catch (error) {
      renameSync(aside, path)
      throw error
    }
    rmSync(aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function refuseIfAlive(lock: string): void {
  const holder = holderOf(lock)
  if (holder && isAlive(holder)) {
    throw new StartFailure(
      `this stack is running already: its starter is process ${holder.pid}; stop it with Ctrl-C or kill ${holder.pid}`,
    )
  }
}

/** Undefined of what a power cut left of a lock: its holder is gone with it. */
function holderOf(lock: string): Identity | undefined {
  try {
    return JSON.parse(lock)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
