// The jars that run are the jars that were chosen: every file against the SHA-256 that is committed, at every start.
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { StartFailure, Stopped } from './failure.ts'

/** Two at once keep both disk and processor busy; more gain nothing on a small machine. */
const lanes = 2

export interface Sum {
  path: string
  sha256: string
}

/** Reads what `sha256sum` writes: `<hex>  <path>` a line. */
export function readSums(file: string): Sum[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ sha256: line.slice(0, 64), path: line.slice(66) }))
}

/** Throws StartFailure naming the first file of `folder` that is missing or not the one that was summed. */
export async function verify(folder: string, sums: Sum[], stopping: AbortSignal): Promise<void> {
  const queue = sums.values()
  const lane = async () => {
    for (const { path, sha256 } of queue) {
      if (stopping.aborted) throw new Stopped()
      const found = await sumOf(join(folder, path))
      if (found !== sha256) {
        throw new StartFailure(
          `${join(relative(process.cwd(), folder), path)} ${found ? 'is not the file that was chosen (its SHA-256 differs)' : 'is missing'}: delete the folder ${folder} and start again`,
        )
      }
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** In one piece, as the largest has 15 MB: by streams it was twice the processor time. */
async function sumOf(path: string): Promise<string | undefined> {
  try {
    return hash('sha256', await readFile(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
