// PgBouncer before a PostgreSQL, where it is installed.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@inorder/testing/ports.ts'
import { endWithUs } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'

/** Where it has to be, `INORDER_PGBOUNCER=required`, its absence is a failure. */
export const hasPgBouncer = (): boolean => {
  const { error } = spawnSync('pgbouncer', ['--version'])
  if (!error) return true
  if (process.env.INORDER_PGBOUNCER === 'required') throw error
  return false
}

/** `url` leads to the database through it. */
export async function startPgBouncer(
  database: string,
  settings: Record<string, string>,
): Promise<{ url: string; stop(): Promise<void> }> {
  const { hostname, port, username } = new URL(database)
  const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-'))
  // It reads them as the user that it becomes.
  chmodSync(folder, 0o755)
  const listen = await freePort()
  writeFileSync(join(folder, 'users'), `"${username}" ""\n`)
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: listen,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(folder, 'users'),
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`)
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(file, `[databases]\n* = host=${hostname} port=${port}\n[pgbouncer]\n${lines.join('')}`)
  // It does not run as root.
  const child = spawn('pgbouncer', [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), file], { stdio: 'ignore' })
  endWithUs(child)
  const ended = once(child, 'exit')
  const url = new URL(database)
  url.port = String(listen)
  await until('PgBouncer answers', async () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}`)
    const client = new pg.Client({ connectionString: url.href })
    client.on('error', () => {})
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    )
  })
  return {
    url: url.href,
    async stop() {
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}
