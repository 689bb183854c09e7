// packages/messaging as somebody else uses it: examples/parcels in a folder of its own, on the tarball of `npm pack`.
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { brokers, freshDatabase, registryUrl } from '@inorder/testing/parts.ts'
import { freePort } from '@inorder/testing/ports.ts'
import { until } from '@inorder/testing/until.ts'
import { root } from './starter.ts'
import { readTopic } from './topic.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-parcels-'))
const example = join(folder, 'parcels')
/** Nothing of the workspace's npm, which runs this test; but whom the machine trusts, where a proxy ends TLS. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_(?!EXTRA_CA_CERTS$)|TEST_)/i.test(name)),
)

/** In the example's folder; what it printed. */
async function run(command: string, more: Record<string, string> = {}): Promise<string> {
  const [file = '', ...args] = command.split(' ')
  const done = promisify(execFile)(file, args, { cwd: example, env: { ...env, ...more } })
  return (await done.catch((error) => assert.fail(`${error.message}\n${error.stdout}`))).stdout
}

/** By name. */
const databases = new Map<string, Awaited<ReturnType<typeof freshDatabase>>>()
let hub: ChildProcess | undefined
let port = 0

before(async () => {
  cpSync(join(root, 'examples/parcels'), example, { recursive: true })
  const tarball = await pack()
  await run(`npm install --prefer-offline --no-audit --no-fund ${tarball}`)
  for (const name of ['scanner', 'hub']) databases.set(name, await freshDatabase(name))
  port = await freePort()
})
after(async () => {
  hub?.kill('SIGKILL')
  for (const { drop } of databases.values()) await drop()
  rmSync(folder, { recursive: true, force: true })
})

/** From a copy, so that no other test meets dist/ while it is made. */
async function pack(): Promise<string> {
  const tree = join(folder, 'inorder')
  const parts = ['packages/messaging', 'packages/storage', 'stack/bootstrap.js', 'tsconfig.json']
  for (const part of [...parts, 'package.json', 'package-lock.json'])
    cpSync(join(root, part), join(tree, part), { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  await run(`npm pack ${tree}/packages/messaging --pack-destination ${folder}`)
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? assert.fail('no tarball'))
}

const settings = (database: string) => ({
  DATABASE_URL: databases.get(database)!.url,
  KAFKA_BROKERS: brokers(),
  SCHEMA_REGISTRY_URL: registryUrl(),
})

/** Scans, and waits until Kafka has their events. */
async function scan(...scans: string[]): Promise<void> {
  const lines = await run(`${process.execPath} scanner.ts ${scans.join(' ')}`, settings('scanner'))
  assert.deepEqual(
    lines.trim().split('\n'),
    scans.map((one) => `${one} delivered`),
  )
}

async function startHub(more: Record<string, string> = {}): Promise<void> {
  hub = spawn(process.execPath, ['hub.ts'], {
    cwd: example,
    env: { ...env, ...settings('hub'), PORT: String(port), ...more },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await until('the hub answers', () => ask('parked'))
}

async function stopHub(): Promise<void> {
  hub?.kill('SIGTERM')
  assert.deepEqual(await once(hub!, 'exit'), [0, null])
}

/** Fields of the hub's answers. */
interface Answer {
  items: unknown[]
  events: [{ event: string; state: string; detail: string }]
  applied: number
  remaining: number
}

async function ask(path: string, method = 'GET'): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method })
  assert.equal(response.status, 200)
  return (await response.json()) as Answer
}

const isAt = (parcelId: string, ...depots: string[]) =>
  until(`${parcelId} has been in ${depots}`, async () => String(await ask(`parcels/${parcelId}`)) === String(depots))

test('the tarball needs nothing else of the workspace, and the example agrees with its declarations', async () => {
  assert.deepEqual(readdirSync(join(example, 'node_modules/@inorder')), ['messaging'])
  const packed = readdirSync(join(example, 'node_modules/@inorder/messaging'), { recursive: true }).map(String)
  assert.deepEqual(
    packed.filter((name) => /\.(unit|int|fixture)\.|src|(?<!\.d)\.ts$/.test(name)),
    [],
  )
  await run(`${process.execPath} node_modules/typescript/lib/tsc.js --pretty false`)
})

test('a poisoned parcel is held while the others go on; discarded, what waited behind it is applied in order', async () => {
  await scan('p-1:Hamburg', 'p-2:Hamburg', 'p-2:Atlantis', 'p-2:Bremen', 'p-2:Berlin', 'p-3:Kiel', 'p-3:Bremen')
  await startHub()
  await scan('p-1:Bremen', 'p-1:Berlin')
  await isAt('p-1', 'Hamburg', 'Bremen', 'Berlin')
  await until('both are held', async () => (await ask('parked')).items.length === 2)
  const { events } = await ask('parked/p-2')
  assert.equal(events[0].detail, 'there is no depot Atlantis')
  assert.deepEqual(
    events.map(({ state }) => state),
    ['head', 'behind', 'behind'],
  )
  await isAt('p-2', 'Hamburg')
  const { applied, remaining } = await ask(`parked/p-2/discard?event=${events[0].event}`, 'POST')
  assert.deepEqual({ applied, remaining }, { applied: 2, remaining: 0 })
  await isAt('p-2', 'Hamburg', 'Bremen', 'Berlin')
})

test('once its depot is known, a redrive applies what is held, and what comes later goes on', async () => {
  await stopHub()
  await startHub({ DEPOTS: 'Hamburg,Bremen,Berlin,Kiel' })
  const { applied, remaining } = await ask('parked/p-3/redrive', 'POST')
  assert.deepEqual({ applied, remaining }, { applied: 2, remaining: 0 })
  await scan('p-3:Berlin')
  await isAt('p-3', 'Kiel', 'Bremen', 'Berlin')
  const heads = await readTopic(brokers(), 'parcels.parked')
  assert.deepEqual(heads.map(({ key }) => String(key)).sort(), ['p-2', 'p-3'])
  await stopHub()
})
