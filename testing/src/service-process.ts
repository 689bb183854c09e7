// A service as a process of its own, on a free port, with the real parts.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { brokers, registryUrl } from './parts.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

const { PATH, NODE_COMPILE_CACHE } = process.env
const running = new Set<ChildProcess>()
/** Ends with this process, however that ends, and does not keep it alive. */
export function endWithUs(child: ChildProcess): void {
  child.unref()
  running.add(child)
}
const killAll = () => {
  for (const child of running) child.kill('SIGKILL')
}
// Also when a test fails half-way, or is ended from outside.
process.once('exit', killAll)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  process.once(signal, () => {
    killAll()
    process.kill(process.pid, signal)
  })

export interface ServiceProcess {
  url: string
  child: ChildProcess
  ready(): Promise<void>
  /** What it wrote to stderr. */
  said(): string
  /** Its log, as its LOG_LEVEL lets it through. */
  logged(): string
  /** Its log lines with this alarm, as its LOG_LEVEL lets them through. */
  alarms(name: string): Record<string, unknown>[]
  get(path: string): Promise<Response>
  /** Its exit code after SIGTERM. */
  stop(): Promise<number | null>
  /** kill -9. */
  kill(): Promise<void>
}

/** `main` is the file, `env` its settings besides the parts (DATABASE_URL, ...). */
export async function startService(main: URL, env: Record<string, string>): Promise<ServiceProcess> {
  const port = await freePort()
  const parts = { KAFKA_BROKERS: brokers(), SCHEMA_REGISTRY_URL: registryUrl() }
  const child = spawn(process.execPath, [fileURLToPath(main)], {
    env: { PATH, NODE_COMPILE_CACHE, PORT: String(port), LOG_LEVEL: 'warn', ...parts, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let said = ''
  child.stderr.on('data', (piece) => {
    said += piece
  })
  let logged = ''
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    logged += piece
    // For whoever looks for why a test failed.
    process.stdout.write(piece)
  })
  const ended = once(child, 'exit').finally(() => running.delete(child))
  const url = `http://127.0.0.1:${port}`
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await ended
    return child.exitCode
  }
  return {
    url,
    child,
    ready: async () => {
      await until(`${main} is ready`, async () => {
        if (child.exitCode !== null) throw new Error(`${main} ended with ${child.exitCode}`)
        return (await fetch(`${url}/health/ready`).catch(() => undefined))?.status === 200
      })
    },
    said: () => said,
    logged: () => logged,
    alarms: (name) =>
      logged
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.includes('"alarm":'))
        .map((line) => JSON.parse(line))
        .filter(({ alarm }) => alarm === name),
    get: (path) => fetch(url + path),
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
  }
}
