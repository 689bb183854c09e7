import { say } from './output.ts'

/**
 * Work of the starter's own that the stack can do without for a while: its files, its logs. An error is said once, until
 * the work has succeeded again; it never ends the stack, which would end for want of a note.
 */
export class Bookkeeping {
  private readonly what: string
  private readonly meanwhile: string
  private failing = false

  constructor(what: string, meanwhile: string) {
    this.what = what
    this.meanwhile = meanwhile
  }

  /** The work's result; undefined when it failed. */
  try<Result>(work: () => Result): Result | undefined {
    try {
      const result = work()
      if (this.failing) say(`${this.what} works again`)
      this.failing = false
      return result
    } catch (error) {
      if (!this.failing) say(`${this.what} fails (${(error as Error).message}): the stack goes on; ${this.meanwhile}`)
      this.failing = true
      return undefined
    }
  }

  get failed(): boolean {
    return this.failing
  }
}
