import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { channelName } from './channel.ts'
import type { DatabaseRun } from './database-run.ts'
import { endOf, endSession, keepSession, openSession } from './session.ts'

interface LeadershipOptions {
  url: string
  instance: string
  run: Pick<DatabaseRun, 'look'>
  logger: Logger
  /** What the leader tells the other instances with each ping. */
  heartbeat(): string
  /** Called when this instance leads; the signal aborts when it does no longer. */
  lead(signal: AbortSignal): void
}

const lock = 7_016_002
/** A leader that has frozen loses its session after this, and with it the lock (it was seen to keep it for ever). */
const idleTimeoutMs = 3_000
const pingMs = 1_000
/** Ping and deadline together are less than the server waits: this side gives up before another can lead. */
const pingDeadlineMs = 1_500

/** Rule 8: one of all instances leads, by an advisory lock on a connection of its own. */
export class Leadership {
  readonly #options: LeadershipOptions
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = keepSession(
      this.#closing.signal,
      (closing) => this.#session(closing),
      (error) => this.#options.logger.debug({ cause: error.message }, 'lock session ended'),
    )
  }

  /** Gives up the lock. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #session(closing: AbortSignal): Promise<void> {
    const { url, instance, run, logger, heartbeat, lead } = this.#options
    const client = openSession(url, `${instance} leadership`, pingDeadlineMs)
    const signal = AbortSignal.any([closing, endOf(client)])
    const leading = new AbortController()
    let leads = false
    try {
      await client.connect()
      await client.query(`SET idle_session_timeout = ${idleTimeoutMs}; SET synchronous_commit = off`)
      // Before it leads: what leads publishes.
      await run.look(client)
      while (!closing.aborted) {
        if (leads) await client.query('SELECT pg_notify($1, $2)', [channelName, heartbeat()])
        else {
          const { rows } = await client.query<{ won: boolean }>(`SELECT pg_try_advisory_lock(${lock}) AS won`)
          leads = rows[0]?.won === true
          if (leads) {
            logger.info('this instance publishes the outbox')
            lead(leading.signal)
            continue
          }
        }
        await pause(pingMs, undefined, { signal })
      }
    } finally {
      leading.abort()
      if (leads) logger.info('this instance does not publish the outbox any more')
      endSession(client)
    }
  }
}
