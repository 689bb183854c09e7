// What a sandbox remembers: entries by their key, in memory and as lines of JSON in a file.
import { existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

interface Kept<Entry> {
  entry: Entry
  /** Resolves when it is on the disk. */
  stored: Promise<void>
}

/** Of more than `most` entries the oldest are forgotten; the file holds twice as many at most. Without a file it forgets all at the end. */
export class Journal<Entry extends { readonly key: string }> {
  readonly #file: string | undefined
  readonly #most: number
  readonly #kept = new Map<string, Kept<Entry>>()
  #unwritten: Entry[] = []
  #writing: Promise<void> | undefined
  #handle: FileHandle | undefined
  #lines = 0
  /** Up to here the file is whole. */
  #bytes = 0
  #torn = false

  constructor(file: string | undefined, most: number) {
    this.#file = file
    this.#most = most
    if (file !== undefined) this.#read(file)
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (const { entry } of this.#kept.values()) yield entry
  }

  /** The entry of this key, once it is on the disk: the one that is there, else what `make` gives. */
  async once(key: string, make: () => Entry): Promise<Entry> {
    const kept = this.#kept.get(key) ?? this.#add(make())
    await kept.stored
    return kept.entry
  }

  #add(entry: Entry): Kept<Entry> {
    const kept = { entry, stored: this.#file === undefined ? Promise.resolve() : this.#append(entry) }
    this.#kept.set(entry.key, kept)
    this.#forget()
    return kept
  }

  #forget(): void {
    for (const key of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) return
      this.#kept.delete(key)
    }
  }

  /** What comes while a write is under way shares the next one: an fsync for each would be hundreds a second at most. */
  #append(entry: Entry): Promise<void> {
    this.#unwritten.push(entry)
    const before = this.#writing ?? Promise.resolve()
    if (this.#unwritten.length > 1) return this.#writing!
    const write = before.then(
      () => this.#write(),
      () => this.#write(),
    )
    write.catch(() => {})
    this.#writing = write
    return write
  }

  async #write(): Promise<void> {
    const entries = this.#unwritten.splice(0)
    const bytes = linesOf(entries)
    try {
      this.#handle ??= await open(this.#file!, 'a')
      if (this.#torn) await this.#handle.truncate(this.#bytes)
      this.#torn = true
      await this.#handle.appendFile(bytes)
      await this.#handle.datasync()
      this.#torn = false
    } catch (error) {
      // Nobody may be told of what the disk did not take; a repeat tries anew.
      for (const { key } of entries) this.#kept.delete(key)
      throw error
    }
    this.#bytes += bytes.length
    this.#lines += entries.length
    // What was added is stored; a file that could not be shortened is at the next write.
    if (this.#lines > 2 * this.#most) await this.#shorten().catch(() => undefined)
  }

  async #shorten(): Promise<void> {
    const unwritten = new Set(this.#unwritten)
    const entries = [...this].filter((entry) => !unwritten.has(entry))
    const bytes = linesOf(entries)
    const shorter = await open(`${this.#file}.new`, 'w')
    try {
      await shorter.writeFile(bytes)
      await shorter.datasync()
    } finally {
      await shorter.close()
    }
    await rename(`${this.#file}.new`, this.#file!)
    const longer = this.#handle
    this.#handle = undefined
    this.#bytes = bytes.length
    this.#lines = entries.length
    await longer?.close()
  }

  /** A kill while it was writing leaves a last line without its end: nobody was told of that entry. */
  #read(file: string): void {
    mkdirSync(dirname(file), { recursive: true })
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
    this.#bytes = bytes.lastIndexOf('\n') + 1
    if (this.#bytes < bytes.length) truncateSync(file, this.#bytes)
    const stored = Promise.resolve()
    for (const line of bytes.toString('utf8', 0, this.#bytes).split('\n').slice(0, -1)) {
      const entry: Entry = JSON.parse(line)
      this.#kept.set(entry.key, { entry, stored })
      this.#lines++
    }
    this.#forget()
  }
}

const linesOf = (entries: readonly object[]): Buffer =>
  Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
