// The life of a service process: configuration, start, signals, an ordered end.
import { setTimeout as pause } from 'node:timers/promises'
import { BadConfig } from '@inorder/storage/settings.ts'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { type Static, type TObject, Type } from 'typebox'
import { processConfig, readConfig } from './config.ts'
import { openLogger } from './logger.ts'
import { startTracing } from './tracing.ts'

/** After DRAIN_MS. Whoever has started the service kills it 0.5 s later. */
const closeWithinMs = 3_500

export interface Service<Config> {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Registry
  /** Aborted by the signal that ends the service: a start that still waits for something gives up. */
  readonly stopping: AbortSignal
  /** What is opened is closed at the end, the last first. */
  onClose(what: string, close: () => Promise<unknown>): void
}

/**
 * Runs a service until a signal ends it (exit code 0), or an error that nobody has caught (1). `start` opens its parts and
 * listens last, so that what comes in ends first. `schema` is an object with the fields of `processConfig`.
 */
export async function runService<Schema extends TObject>(options: {
  name: string
  schema: Schema
  start(service: Service<Static<Schema>>): Promise<void>
}): Promise<void> {
  const config = configOf(options.schema)
  if (!config) return
  const ofProcess = readConfig(Type.Object(processConfig(options.name, 0)), process.env)
  const who = { service: options.name, instance: ofProcess.INSTANCE }
  const logger = await openLogger({ ...who, level: ofProcess.LOG_LEVEL, file: ofProcess.LOG_FILE })
  const opened: { what: string; close: () => Promise<unknown> }[] = []
  // Ends last, with what the others had to say.
  if (ofProcess.OTEL_EXPORTER_OTLP_ENDPOINT)
    opened.push({ what: 'traces', close: await startTracing({ ...who, config: ofProcess, logger }) })
  const stopping = new AbortController()

  const fatal = (error: unknown) => {
    logger.fatal({ err: error }, 'the process ends with exit code 1: nothing has caught this error')
    process.exit(1)
  }
  process.once('uncaughtException', fatal)
  process.once('unhandledRejection', fatal)

  const stop = async (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) return
    stopping.abort()
    logger.info({ signal }, 'stopping')
    // No longer ready, but it listens: whoever shares requests out sends the next ones elsewhere before none is taken here.
    await pause(ofProcess.DRAIN_MS)
    const end = performance.now() + closeWithinMs
    for (const { what, close } of opened.reverse()) {
      try {
        // Half of the time left: one that hangs (a client that waits 30 s, a frozen Kafka) leaves time for the others.
        if (!(await within((end - performance.now()) / 2, close())))
          logger.warn(
            { what },
            'a part was not closed in time: the process ends without it, and nothing acknowledged is lost',
          )
      } catch (error) {
        logger.error({ err: error, what }, 'a part could not be closed: the process ends without it')
      }
    }
    // Also when something was not: what is acknowledged is in the database, so that an end by force loses nothing.
    logger.info('stopped')
    process.exit(0)
  }
  // A terminal and npm send the same signal twice; the second changes nothing.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal))

  try {
    await options.start({
      config,
      logger,
      metrics: new Registry(),
      stopping: stopping.signal,
      onClose: (what, close) => void opened.push({ what, close }),
    })
  } catch (error) {
    if (stopping.signal.aborted) return
    if (!(error instanceof BadConfig)) return fatal(error)
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(resolve, ms, false)
  try {
    return await Promise.race([work.then(() => true), promise])
  } finally {
    clearTimeout(timer)
  }
}

function configOf<Schema extends TObject>(schema: Schema): Static<Schema> | undefined {
  try {
    return readConfig(schema, process.env)
  } catch (error) {
    if (!(error instanceof BadConfig)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
    return undefined
  }
}
