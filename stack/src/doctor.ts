// `npm run doctor`: whether Kafka, the registry and PostgreSQL are such that the promise holds, and each service answers. `npm run doctor -- cart`, with
// the settings of the cart, looks as the cart does; without a name it is the stack that runs, or what stands in for its parts.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { kafkaAccess } from '@inorder/messaging/kafka/access-settings.ts'
import { newTopics } from '@inorder/messaging/kafka/create-topic.ts'
import { registryAccess } from '@inorder/messaging/kafka/registry-access.ts'
import { BadConfig, secretOf } from '@inorder/storage/settings.ts'
import { databaseOf } from './databases.ts'
import { readRights } from './doctor/cluster-checks.ts'
import { diagnose, type Patient, settingsRead } from './doctor/diagnose.ts'
import { type Finding, findingsOf } from './doctor/finding.ts'
import { asJson, asText, exitCodes, verdictOf } from './doctor/report.ts'
import { endedSince, type PatientProcess } from './doctor/service-checks.ts'
import { forgetAccess } from './environment.ts'
import { StartFailure } from './failure.ts'
import { migrationsOf } from './migrations.ts'
import { logOf } from './part.ts'
import { addressesOf, runningParts } from './running.ts'
import { urlOf } from './service.ts'
import { services } from './services.ts'
import { readSettings, root } from './settings.ts'

const known = services.filter(({ database }) => database).map(({ name }) => name)
const json = process.argv.includes('--json')
const findings = await diagnosed()
// What was given up at its deadline may still be under way.
process.stdout.write(json ? asJson(findings) : asText(findings), () => process.exit(exitCodes[verdictOf(findings)]))

async function diagnosed(): Promise<Finding[]> {
  try {
    return await diagnose(patientOf(readNames(process.argv.slice(2))))
  } catch (error) {
    if (!(error instanceof StartFailure || error instanceof BadConfig)) throw error
    return findingsOf('this machine', [settingsRead], { error })
  }
}

function readNames(args: string[]): string[] {
  try {
    const { positionals } = parseArgs({ args, options: { json: { type: 'boolean' } }, allowPositionals: true })
    if (positionals.length <= 1 && positionals.every((name) => known.includes(name))) return positionals
  } catch {}
  throw new StartFailure(`npm run doctor -- [--json] [<service>]: one of ${known.join(', ')}`)
}

function patientOf(named: string[]): Patient {
  const { env } = process
  const settings = readSettings(env)
  const { given, data } = settings
  forgetAccess(env, given)
  const { brokers, server, registry, names } = addressesOf(settings)
  const isWholeGiven = given.kafka !== undefined && given.database !== undefined && given.registry !== undefined
  const running = isWholeGiven ? [] : names()
  const instancesOf = (service: string) => running.filter((name) => serviceOf(name) === service).length
  const wanted = settings.services.filter(({ name, database }) =>
    named.length > 0 ? named.includes(name) : database && (isWholeGiven || instancesOf(name) > 0),
  )
  const rights = readRights(readFileSync(join(root, 'deploy/kafka/acls.txt'), 'utf8')).filter(({ service }) =>
    wanted.some(({ name }) => name === service),
  )
  return {
    brokers: brokers(),
    access: () => kafkaAccess(env),
    principal: principalOf(env),
    registry: { url: registry(), access: () => registryAccess(env) },
    topic: orderEvents,
    topics: newTopics(orderEvents).filter(
      ({ name }) => wanted.length === 0 || rights.some((right) => right.name === name),
    ),
    rights,
    services: wanted.map(({ name, database = '' }) => ({
      name,
      // A service's own DATABASE_URL is its database, the stack's is the server.
      url: named.length > 0 && given.database ? given.database : databaseOf(server(), database),
      migrations: migrationsOf(name),
      migratesItself: env.MIGRATE !== 'off',
      instances: Math.max(instancesOf(name), 1),
    })),
    processes: processesOf(env, data, named.length > 0 && isWholeGiven).filter(
      ({ name }) => named.length === 0 || named.includes(serviceOf(name)),
    ),
    parts: [...(given.kafka ? [] : ['kafka']), ...(given.registry ? [] : ['registry'])].flatMap((part) =>
      runningParts(data)
        .filter(({ name }) => name.startsWith(part))
        .map(({ name, pid }) => ({ name, pid, log: logOf(data, name) })),
    ),
    data: given.database ? undefined : data,
  }
}

function serviceOf(process: string): string {
  return process.replace(/-\d+$/, '')
}

/** Those that CART_URL and the like name, else those of the stack. `isElsewhere`: the settings are those of a service alone. */
function processesOf(env: NodeJS.ProcessEnv, data: string, isElsewhere: boolean): PatientProcess[] {
  const named = services
    .filter(({ standsInFor }) => !standsInFor)
    .flatMap(({ name }) => env[`${name.toUpperCase()}_URL`]?.split(',').map((url) => ({ name, url })) ?? [])
  if (named.length > 0 || isElsewhere || !existsSync(join(data, 'stack.json'))) return named
  const running = runningParts(data).flatMap(({ name, pid, address }): PatientProcess[] => {
    const service = services.find((one) => one.name === serviceOf(name))
    const port = Number(address.split(':').at(-1))
    return service ? [{ name, url: urlOf({ service, port }), pid, log: logOf(data, name) }] : []
  })
  const gone = services.map(({ name }) => name).filter((name) => !running.some((one) => one.name === name))
  return [...running, ...endedSince(data, gone)]
}

function principalOf(env: NodeJS.ProcessEnv): string {
  const user = secretOf(env, 'KAFKA_SASL_USERNAME') ?? secretOf(env, 'KAFKA_OAUTH_CLIENT_ID')
  if (user) return `User:${user}`
  return env.KAFKA_TLS_CERT_FILE ? 'User:<the name in KAFKA_TLS_CERT_FILE>' : 'User:ANONYMOUS'
}
