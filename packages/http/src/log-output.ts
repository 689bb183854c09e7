// Where a process writes its log lines: standard output, or a file of its own, of which it begins a new one at 64 MB.
//   cart.log -> cart.log.1 -> ... -> cart.log.5 -> gone
// The process that writes the file renames it between two writes. So no line is lost, and a kill at any point leaves whole
// files. Rejected: a pipe through the starter, which would stop a service whose starter is frozen, and lose its lines when
// the starter is killed; copying and truncating, which loses what is written in between.
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'

const largest = 64 * 1024 * 1024
const kept = 5
const standardOutput = 1

export class LogOutput {
  readonly #path: string | undefined
  readonly #largest: number
  #fd: number | undefined
  #size = 0
  #lines = ''

  /** `path`: the file; without it, standard output. */
  constructor(path?: string, largestFile = largest) {
    this.#path = path
    this.#largest = largestFile
    process.once('exit', () => this.flush())
  }

  /** Lines of one turn of the event loop share a write, which costs more than making them. */
  write(line: string): void {
    if (this.#lines === '') queueMicrotask(() => this.flush())
    this.#lines += line
  }

  /**
   * A line that cannot be written (a full disk) is lost: it neither ends the service nor keeps it from ending. pino's own
   * output tries such a line again and again while the process exits.
   */
  flush(): void {
    const lines = this.#lines
    if (lines === '') return
    this.#lines = ''
    try {
      this.#fd ??= this.#open()
      this.#size += writeSync(this.#fd, lines)
      if (this.#path !== undefined && this.#size >= this.#largest) this.#beginNext(this.#path, this.#fd)
    } catch {
      // There is nobody to tell.
    }
  }

  #open(): number {
    if (this.#path === undefined) return standardOutput
    const fd = openSync(this.#path, 'a')
    this.#size = fstatSync(fd).size
    return fd
  }

  #beginNext(path: string, before: number): void {
    turnOver(path)
    this.#fd = this.#open()
    closeSync(before)
  }
}

/** The file becomes `path.1`, what had that name `path.2`, and so on up to the first free name; `path.5` is overwritten. */
export function turnOver(path: string): void {
  if (!existsSync(path)) return
  makeRoom(path)
  renameSync(path, `${path}.1`)
}

/**
 * The same for a file of that size which another process goes on writing to, as it can begin no other: it is copied, and cut.
 * What that process writes in the microseconds between the last read and the cut is lost.
 */
export function copyOver(path: string, size = largest): void {
  if (!existsSync(path)) return
  const from = openSync(path, 'r+')
  try {
    if (fstatSync(from).size < size) return
    makeRoom(path)
    const to = openSync(`${path}.1`, 'w')
    try {
      const piece = Buffer.allocUnsafe(1024 * 1024)
      for (let read = readSync(from, piece); read > 0; read = readSync(from, piece))
        appendFileSync(to, piece.subarray(0, read))
      ftruncateSync(from)
    } finally {
      closeSync(to)
    }
  } finally {
    closeSync(from)
  }
}

function makeRoom(path: string): void {
  let free = 1
  while (free < kept && existsSync(`${path}.${free}`)) free++
  for (let n = free; n > 1; n--) renameSync(`${path}.${n - 1}`, `${path}.${n}`)
}
