// haproxy before the instances of services, as docs/operations.md says: it asks each whether it is ready.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@inorder/testing/ports.ts'
import { endWithUs } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'

export interface Balancer {
  version: string
  url(service: string): string
  /** Whether it sends requests to this instance. */
  isUp(instance: string): Promise<boolean>
  stop(): Promise<void>
}

/** `services`: by name the addresses of its instances, by theirs. */
export async function startBalancer(
  folder: string,
  services: Record<string, Record<string, string>>,
): Promise<Balancer> {
  const { stdout, error } = spawnSync('haproxy', ['-v'], { encoding: 'utf8' })
  if (error) throw new Error(`haproxy cannot be run (apt-get install haproxy): ${error.message}`)
  const ports = new Map<string, number>()
  for (const name of [...Object.keys(services), 'stats']) ports.set(name, await freePort())
  const listens = Object.entries(services).map(([name, instances]) => [
    `listen ${name}`,
    `  bind 127.0.0.1:${ports.get(name)}`,
    '  option httpchk GET /health/ready',
    ...Object.entries(instances).map(([instance, address]) => `  server ${instance} ${address}`),
  ])
  const config = [
    'defaults',
    '  mode http',
    '  option redispatch',
    '  retries 3',
    '  timeout connect 2s',
    // A connection that it ends for being idle may just be used again: to the client that is a lost answer.
    '  timeout client 1h',
    '  timeout server 60s',
    '  timeout check 5s',
    '  default-server check inter 250ms fall 2 rise 2',
    ...listens.flat(),
    'listen stats',
    `  bind 127.0.0.1:${ports.get('stats')}`,
    '  stats enable',
    '  stats uri /',
    '',
  ].join('\n')
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, config)
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  endWithUs(child)
  const ended = once(child, 'exit')
  const isUp = async (instance: string) => {
    const table = await (await fetch(`http://127.0.0.1:${ports.get('stats')}/;csv`)).text()
    const row = table.split('\n').find((line) => line.split(',')[1] === instance)
    return row?.split(',')[17] === 'UP'
  }
  for (const instance of Object.values(services).flatMap((instances) => Object.keys(instances)))
    await until(`haproxy has ${instance}`, () => isUp(instance))
  return {
    version: /version (\S+)/.exec(stdout)?.[1] ?? 'unknown',
    url: (service) => `http://127.0.0.1:${ports.get(service)}`,
    isUp,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
