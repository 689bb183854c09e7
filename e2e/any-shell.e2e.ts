// `npm start` in shells that are set up in other ways than ours: what the user's environment and paths hold must not
// reach the parts that the starter starts.
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freePortOffset } from '@inorder/testing/ports.ts'
import { sql } from './sql.ts'
import { Launched, root } from './starter.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-any-shell-'))
const launched: Launched[] = []
after(() => {
  for (const one of launched) one.killAll()
  rmSync(folder, { recursive: true, force: true })
})

async function start(env: Record<string, string>, tree = root): Promise<Launched> {
  const offset = String(await freePortOffset())
  const base = { INORDER_PORT_OFFSET: offset, INORDER_DATA: mkdtempSync(join(folder, 'data-')) }
  const one = new Launched([process.execPath, join(tree, 'stack/src/start.ts')], { ...base, ...env })
  launched.push(one)
  await one.ready()
  return one
}

async function stop(one: Launched): Promise<void> {
  one.child.kill('SIGTERM')
  await one.endsCleanly()
}

/** Whether the cart's sessions came by the server's socket: these have no address. */
async function bySocket(one: Launched): Promise<boolean> {
  const { address } = one.part('postgres')
  const [row] = await sql<{ by: boolean }>(
    `postgres://postgres@${address}/postgres`,
    `SELECT every(client_addr IS NULL) AS by FROM pg_stat_activity WHERE application_name = 'cart'`,
  )
  return row?.by ?? assert.fail('the cart has no session')
}

/** What Java, Kafka, the registry and PostgreSQL take from a user's environment. */
const settings = {
  LC_ALL: 'tr_TR.UTF-8',
  JAVA_TOOL_OPTIONS: '-Duser.language=tr -Duser.country=TR',
  _JAVA_OPTIONS: '-Duser.language=tr -Duser.country=TR',
  QUARKUS_PROFILE: 'dev',
  QUARKUS_HTTP_ROOT_PATH: '/elsewhere',
  // Of a server of the user's own, as psql and pg_dump take them.
  PGSSLMODE: 'require',
  PGOPTIONS: '-c default_transaction_read_only=on',
  PGHOST: '192.0.2.1',
  PGPORT: '1',
  PGUSER: 'nobody',
  PGPASSWORD: 'secret',
  PGDATABASE: 'elsewhere',
  PGDATA: '/nowhere',
  PGSERVICE: 'elsewhere',
  PGTZ: 'Asia/Tokyo',
  PGCLIENTENCODING: 'latin1',
}

test('paths with an é, a space, a comma and a semicolon; the locale knows ASCII only, then it is Turkish, with settings of all parts; the data is found again', async () => {
  const odd = join(folder, 'clé, d;un')
  const tree = join(odd, 'inorder')
  mkdirSync(join(tree, '.local'), { recursive: true })
  for (const part of ['stack', 'packages', 'services', 'package.json'])
    cpSync(join(root, part), join(tree, part), { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  symlinkSync(join(root, '.local/install'), join(odd, 'install'))
  const env = { INORDER_SERVICES: 'cart', INORDER_DATA: join(odd, 'data'), INORDER_INSTALL: join(odd, 'install') }
  for (const shell of [{ LC_ALL: 'POSIX' }, settings]) {
    const one = await start({ ...env, ...shell }, tree)
    assert.equal(await bySocket(one), true)
    await stop(one)
    for (const kept of ['kafka/log/order-events-0', 'registry/registry.mv.db', 'postgres/PG_VERSION'])
      assert.ok(existsSync(join(env.INORDER_DATA, kept)), `${kept} where LC_ALL is ${shell.LC_ALL}`)
  }
})
