// How the instances of a service tell each other what only one of them knows: PostgreSQL's LISTEN / NOTIFY, on a
// connection of its own. Nothing depends on a message: whoever misses one answers `pending`.
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { DatabaseRun } from './database-run.ts'
import { endOf, endSession, keepSession, openSession } from './session.ts'

export type Message =
  /** The leader, each second and at each change. */
  | { from: string; unavailable: boolean }
  /** The leader: these events of other instances are in Kafka. */
  | { from: string; acked: string[] }
  /** A follower: there are new rows. */
  | { from: string; wake: true }

export const channelName = 'outbox'
/** A payload of 8,000 bytes or more is an error, which undoes the transaction that it is sent in. */
const maxPayload = 7_500
const checkMs = 1_000
const deadlineMs = 1_500
const maxUnsent = 1_000

export class Channel {
  readonly #url: string
  readonly #from: string
  readonly #run: DatabaseRun
  readonly #logger: Logger
  readonly #onMessage: (message: Message) => void
  readonly #closing = new AbortController()
  #unsent: string[] = []
  #client: pg.Client | undefined
  #sending = false
  #running: Promise<void> | undefined

  constructor(url: string, from: string, run: DatabaseRun, logger: Logger, onMessage: (message: Message) => void) {
    this.#url = url
    this.#from = from
    this.#run = run
    this.#logger = logger
    this.#onMessage = onMessage
  }

  start(): void {
    this.#running = keepSession(
      this.#closing.signal,
      (closing) => this.#listen(closing),
      (error) => this.#logger.debug({ cause: error.message }, 'the notification channel was lost'),
    )
  }

  /** Without waiting. While there is no connection the newest are kept. */
  send(...payloads: string[]): void {
    this.#unsent = [...this.#unsent, ...payloads].slice(-maxUnsent)
    if (!this.#sending && this.#client) void this.#flush(this.#client)
  }

  /** The same, unless it waits to be sent already. */
  sendOnce(payload: string): void {
    if (!this.#unsent.includes(payload)) this.send(payload)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  /** One connection's life. The question each second finds out that it has died, or leads to another database now. */
  async #listen(closing: AbortSignal): Promise<void> {
    const client = openSession(this.#url, `${this.#from} channel`, deadlineMs)
    const signal = AbortSignal.any([closing, endOf(client)])
    client.on('notification', ({ payload }) => this.#received(payload ?? ''))
    try {
      await client.connect()
      // Notifications need no disk; without this each would wait for one.
      await client.query(`SET synchronous_commit = off; LISTEN ${channelName}`)
      await this.#run.look(client)
      this.#client = client
      await this.#flush(client)
      while (!signal.aborted) {
        await pause(checkMs, undefined, { signal })
        await this.#run.look(client)
      }
    } finally {
      this.#client = undefined
      endSession(client)
    }
  }

  async #flush(client: pg.Client): Promise<void> {
    this.#sending = true
    try {
      while (this.#unsent.length > 0) {
        const payloads = this.#unsent
        this.#unsent = []
        await client.query({ name: 'notify', text: notifyAll, values: [payloads] })
      }
    } catch (error) {
      this.#logger.debug({ cause: (error as Error).message }, 'a notification was not sent')
    } finally {
      this.#sending = false
    }
  }

  #received(payload: string): void {
    try {
      const message: Message = JSON.parse(payload)
      if (message.from !== this.#from) this.#onMessage(message)
    } catch (error) {
      // Whoever reaches the database may say anything here.
      this.#logger.debug({ cause: (error as Error).message }, 'a notification that is none of ours')
    }
  }
}

const notifyAll = `SELECT pg_notify('${channelName}', payload) FROM unnest($1::text[]) AS payload`

export const encode = (message: Message): string => JSON.stringify(message)

/** Rule 11: as many messages as it takes, each small enough. */
export function ackedMessages(from: string, eventIds: readonly string[]): string[] {
  const overhead = Buffer.byteLength(encode({ from, acked: [] }))
  const messages: string[] = []
  let piece: string[] = []
  let size = overhead
  for (const id of eventIds) {
    const more = Buffer.byteLength(id) + 3
    if (size + more > maxPayload) {
      messages.push(encode({ from, acked: piece }))
      piece = []
      size = overhead
    }
    piece.push(id)
    size += more
  }
  if (piece.length > 0) messages.push(encode({ from, acked: piece }))
  return messages
}
