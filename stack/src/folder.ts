import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { StartFailure } from './failure.ts'

/**
 * Makes a folder that the user named, and those above it. Not with Node's own `recursive`: under /proc, where no folder
 * can be made, that never ends.
 */
export function makeFolder(path: string, variable: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path), variable)
  try {
    mkdirSync(path)
  } catch (error) {
    // Another starter was faster.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw new StartFailure(`${(error as Error).message}: name another folder with ${variable}`)
  }
}
