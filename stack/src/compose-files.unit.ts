// The compose files against what they deploy: a setting, a port or a service that is added in one place only fails here.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { processConfig, serviceConfig } from '@inorder/http/config.ts'
import { parse } from 'yaml'
import { leanHeap } from './service.ts'
import { services } from './services.ts'
import { root } from './settings.ts'

interface Container {
  image: string
  build?: { target?: string; dockerfile?: string; args?: Record<string, string | number> }
  environment?: Record<string, string | number>
  ports?: string[]
  volumes?: string[]
  networks?: string[]
  healthcheck?: { test: string[] }
  restart?: string
  logging?: { driver: string; options: Record<string, string> }
  user?: string
}
interface File {
  name: string
  services: Record<string, Container>
  networks: Record<string, { name: string; external?: boolean }>
}

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const sides = globSync('deploy/*/docker-compose.yml', { cwd: root }).map((path) => basename(dirname(path)))
const files = new Map(sides.map((side) => [side, parse(read(`deploy/${side}/docker-compose.yml`)) as File]))
const containers = [...files.values()].flatMap((file) => Object.entries(file.services))
const ours = containers.filter(([name]) => services.some((service) => service.name === name))

/** What `${NAME:-default}` is where nothing is set. */
function defaults(text: string): string {
  const replaced = text.replace(/\$\{[A-Z_]+:-([^${}]*)\}/, '$1')
  return replaced === text ? text : defaults(replaced)
}

/** Names of the settings that a service reads: those of its `main.ts`, and of what runs it. */
function settingsOf(name: string): string[] {
  const main = read(`services/${name}/src/main.ts`)
  const runner = ['consumer', 'sandbox'].find((runner) => main.includes(`@inorder/service/${runner}.ts`))
  const others = runner
    ? [`packages/service/src/${runner}.ts`]
    : globSync(`services/${name}/src/config.ts`, { cwd: root })
  const source = main + others.map(read).join('\n')
  const own = [...source.matchAll(/\b([A-Z][A-Z_]+): (?:Type\.|url\()/g)].map(([, setting = '']) => setting)
  const common = Object.keys((source.includes('serviceConfig') ? serviceConfig : processConfig)(name, 0))
  return [...new Set([...common, ...own])]
}

test('every service is in a compose file, and every one of our images is of a service', () => {
  assert.deepEqual(ours.map(([name]) => name).sort(), services.map(({ name }) => name).sort())
})

for (const { name, port } of services) {
  describe(name, () => {
    const [, container] = ours.find(([found]) => found === name) ?? assert.fail(`${name} is in no compose file`)
    const dockerfile = read(container.build?.dockerfile ?? '')
    // By the image: where it listens, and names that each replica has for itself. The engine keeps a container's log.
    const ofImage = ['HOST', 'PORT', 'INSTANCE', 'GROUP_INSTANCE_ID'].filter((setting) =>
      dockerfile.includes(`${setting}=`),
    )

    test('every setting that it reads is in the file or in the image, and nothing else', () => {
      // What `pg` reads: the password of the URL.
      const given = Object.keys(container.environment ?? {}).filter((setting) => setting !== 'PGPASSWORD')
      const wanted = settingsOf(name).filter((setting) => ![...ofImage, 'LOG_FILE'].includes(setting))
      assert.deepEqual(given.sort(), wanted.sort())
      // In its container it listens on every address, which without this ends it.
      assert.equal(defaults(String(container.environment?.INSECURE_LISTEN)), 'yes')
      // Its port is open on this machine, where browsers are: a foreign name is refused, its own in the network is not.
      assert.equal(defaults(String(container.environment?.ALLOWED_HOSTS)), name)
    })

    test('Node has the heap flags of npm start', () => {
      assert.ok(dockerfile.includes(`exec node ${leanHeap.join(' ')} services/`))
    })

    test('it listens on its port, which is that of npm start on this machine alone, and may be another', () => {
      const [published = '', ...others] = container.ports ?? []
      assert.deepEqual(others, [])
      assert.equal(defaults(published), `127.0.0.1:${port}:${port}`)
      assert.match(published, /^127\.0\.0\.1:\$\{[A-Z]+_PORTS?:-/)
      assert.ok(dockerfile.includes(`PORT=${container.build?.args?.PORT ? '$PORT' : port}`))
      assert.equal(container.build?.args?.PORT ?? port, name === 'order' ? 3002 : port)
    })
  })
}

test('everything is started again after a crash and after the engine, and one image has one name', () => {
  for (const [name, { restart }] of containers)
    assert.equal(restart, name === 'topics' ? 'on-failure' : 'unless-stopped')
  const built = containers.filter(([, { build }]) => build).map(([, { image }]) => image)
  assert.equal(new Set(built).size, built.length, built.join(', '))
  assert.equal(new Set([...files.values()].map(({ name }) => name)).size, files.size)
})

test('what the engine keeps of a log has bounds: those of npm start', () => {
  for (const [name, { logging }] of containers)
    assert.deepEqual(logging, { driver: 'local', options: { 'max-size': '64m', 'max-file': '5' } }, name)
})

test('databases, Kafka and the registry say whether they are well; none runs as root, none has its password in the file', () => {
  const parts = containers.filter(([name]) => /-database$|^kafka$|^registry$/.test(name))
  // The console's side has no database.
  assert.equal(parts.length, files.size - 1 + 2)
  for (const [name, { healthcheck, user, environment = {} }] of parts) {
    assert.ok(healthcheck, `${name} has no health check`)
    assert.equal(user, undefined)
    if (!name.endsWith('-database')) continue
    // Over TCP, because the server that the image starts for its own use has a socket only.
    assert.deepEqual(healthcheck.test.slice(0, 4), ['CMD', 'pg_isready', '-h', '127.0.0.1'])
    assert.match(String(environment.POSTGRES_PASSWORD), /^\$\{DATABASE_PASSWORD:-/)
  }
  for (const [, { environment = {} }] of containers) assert.doesNotMatch(String(environment.DATABASE_URL), /:[^/]+@/)
})

test('whoever comes first makes the network: every file declares the same one, and databases are not in it', () => {
  for (const [side, { networks }] of files) {
    assert.deepEqual(Object.keys(networks), ['inorder'], side)
    assert.equal(networks.inorder?.external, undefined)
    assert.equal(defaults(networks.inorder?.name ?? ''), 'inorder')
  }
  for (const [name, { networks = [] }] of containers)
    assert.equal(networks.includes('inorder'), !/-database$|^payment$|^carrier$/.test(name), name)
})

test('what a sandbox has answered outlives its container', () => {
  for (const name of ['payment', 'carrier']) {
    const [, { volumes, environment }] = containers.find(([found]) => found === name) ?? assert.fail(name)
    assert.deepEqual(volumes, [`${name}:/data`])
    assert.match(String(environment?.DATA_FILE), /^\/data\//)
  }
})
