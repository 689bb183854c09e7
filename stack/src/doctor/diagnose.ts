// Asks Kafka, the registry, the databases and the processes of the stack, and has each check look at what they said. Nothing is changed, every wait ends.
import type { KafkaAccess } from '@inorder/messaging/kafka/access.ts'
import type { NewTopic } from '@inorder/messaging/kafka/admin.ts'
import { type ClusterFacts, readCluster, type Told } from '@inorder/messaging/kafka/cluster-facts.ts'
import type { RegistryAccess } from '@inorder/messaging/kafka/registry-access.ts'
import type { Topic } from '@inorder/messaging/kafka/topic.ts'
import type { Migrations } from '@inorder/storage/migrate.ts'
import { BadConfig } from '@inorder/storage/settings.ts'
import { clusterChecks, kafkaReached, type Right, rightsCheck } from './cluster-checks.ts'
import { contentChecks } from './content-checks.ts'
import { databaseReached, serverChecks } from './database-checks.ts'
import { readDatabase } from './database-facts.ts'
import { diskChecks, readRoom } from './disk.ts'
import { type Check, type Finding, findingsOf, unknown, wrong } from './finding.ts'
import { kafkaTools } from './kafka-tools.ts'
import { readRegistry, registryChecks, registryReached } from './registry-checks.ts'
import {
  type OwnPart,
  type PatientProcess,
  partitionsGoOn,
  readProcess,
  readStanding,
  serviceAnswers,
} from './service-checks.ts'
import { topicChecks, topicThere } from './topic-checks.ts'

export interface Patient {
  brokers: string[]
  /** Throws where the settings are wrong. */
  access(): KafkaAccess
  /** As Kafka calls the user: `User:cart`. */
  principal: string
  registry: { url: string; access(): RegistryAccess }
  topic: Pick<Topic<unknown>, 'name' | 'subject'> & { value: { schema: string } }
  /** Those that the services use, as we make them. */
  topics: readonly NewTopic[]
  rights: readonly Right[]
  services: readonly PatientService[]
  processes: readonly PatientProcess[]
  /** Kafka and the registry, as far as they are ours. */
  parts: readonly OwnPart[]
  /** What a local PostgreSQL and Kafka write to. */
  data: string | undefined
}

export interface PatientService {
  name: string
  url: string
  migrations: readonly Migrations[]
  migratesItself: boolean
  instances: number
}

/** Judged where they could not be. */
export const settingsRead: Check<{ error: Error }> = {
  id: 'settings',
  title: 'the settings can be read',
  why: 'With settings that are wrong no service starts.',
  judge: ({ error }) =>
    error instanceof BadConfig
      ? wrong(error.message, 'mend the setting that is named (docs/deploy.md)')
      : unknown(error.message),
}

const diskElsewhere = new Error('PostgreSQL does not tell how much room its disk has: look there')
const deadlineMs = 5_000
/** The pools, the leadership and the channel, and who migrates. */
const sessionsOfInstance = 17

export async function diagnose(patient: Patient): Promise<Finding[]> {
  const { data } = patient
  const cluster = await orWhy(async () => readKafka(patient))
  const isConsumer = ({ name }: PatientProcess) =>
    patient.rights.some(({ kind, service }) => kind === 'group' && service === name.replace(/-\d+$/, ''))
  const [registry, databases, disk, processes] = await Promise.all([
    registryFindings(patient),
    Promise.all(patient.services.map((service) => databaseFindings(patient, service, cluster))),
    orWhy(() => (data === undefined ? Promise.reject(diskElsewhere) : readRoom(data))),
    Promise.all(
      patient.processes.map(async (one) => {
        const process = await readProcess(one)
        return {
          process,
          standing: isConsumer(one) && process.answer === true && (await orWhy(() => readStanding(one))),
        }
      }),
    ),
  ])
  return [
    ...kafkaFindings(patient, cluster),
    ...registry,
    ...databases.flat(),
    ...findingsOf('PostgreSQL', diskChecks, disk),
    ...processes.flatMap(({ process, standing }) => [
      ...findingsOf(process.name, [serviceAnswers], process),
      ...(standing === false ? [] : findingsOf(process.name, [partitionsGoOn], standing)),
    ]),
  ]
}

const readKafka = ({ brokers, access, topics, rights }: Patient): Promise<ClusterFacts> => {
  const groups = rights.filter(({ kind }) => kind === 'group').map(({ name }) => name)
  const wanted = { topics: topics.map(({ name }) => name), groups }
  return readCluster({ brokers, access: access(), clientId: 'doctor' }, wanted, deadlineMs)
}

function kafkaFindings(patient: Patient, cluster: Told<ClusterFacts>): Finding[] {
  const { brokers, principal, topic, topics, rights } = patient
  const tool = kafkaTools(brokers, principal !== 'User:ANONYMOUS')
  const view = cluster instanceof Error ? notReached('Kafka') : { facts: cluster, principal, tool }
  const ofTopic = (made: NewTopic) => {
    if (view instanceof Error) return findingsOf(made.name, [topicThere, ...topicChecks], view)
    const facts = view.facts.topics.get(made.name)!
    const isLog = made.name === topic.name
    const whole = facts instanceof Error ? facts : { ...view, made, isLog, facts, brokers: view.facts.brokers }
    return [...findingsOf(made.name, [topicThere], { made, facts, tool }), ...findingsOf(made.name, topicChecks, whole)]
  }
  const ofRights = [...new Set(rights.map(({ service }) => service))].flatMap((service) => {
    const own = rights.filter((right) => right.service === service)
    return findingsOf(service, [rightsCheck], view instanceof Error ? view : { ...view, rights: own })
  })
  return [
    ...findingsOf('Kafka', [kafkaReached], {
      facts: cluster,
      brokers,
      ours: patient.parts.filter(({ name }) => name.startsWith('kafka')),
    }),
    ...findingsOf('Kafka', clusterChecks, view),
    ...topics.flatMap(ofTopic),
    ...ofRights,
  ]
}

async function registryFindings({ registry, topic, parts }: Patient): Promise<Finding[]> {
  const url = withoutLogin(registry.url)
  const facts = await orWhy(async () =>
    readRegistry({ url: registry.url, access: registry.access() }, topic, deadlineMs),
  )
  const view = facts instanceof Error ? notReached('the registry') : { url, subject: topic.subject, facts }
  return [
    // An object, as findingsOf takes an error for facts that nobody has.
    ...findingsOf('registry', [registryReached], { url, facts, ours: parts.filter(({ name }) => name === 'registry') }),
    ...findingsOf('registry', registryChecks, view),
  ]
}

async function databaseFindings(
  patient: Patient,
  service: PatientService,
  cluster: Told<ClusterFacts>,
): Promise<Finding[]> {
  const { name, url, migrations, migratesItself, instances } = service
  const facts = await orWhy(() => readDatabase({ url, migrations, topic: patient.topic.name }, deadlineMs))
  const onSameServer = patient.services.filter((other) => serverOf(other.url) === serverOf(url))
  const sessions = {
    own: sessionsOfInstance * instances,
    all: onSameServer.reduce((sum, other) => sum + sessionsOfInstance * other.instances, 0),
  }
  const topics =
    cluster instanceof Error ? new Map(patient.topics.map(({ name }) => [name, notReached('Kafka')])) : cluster.topics
  const view = { service: name, facts, topics, topic: patient.topic.name, migratesItself, sessions }
  return [
    ...findingsOf(name, [databaseReached], [facts]),
    ...findingsOf(
      name,
      [...serverChecks, ...contentChecks],
      facts instanceof Error ? notReached('its database') : { ...view, facts },
    ),
  ]
}

const orWhy = <T>(read: () => Promise<T>): Promise<Told<T>> => read().catch((error: Error) => error)

const notReached = (part: string) => new Error(`${part} was not reached`)

const serverOf = (url: string): string => URL.parse(url)?.host ?? ''

function withoutLogin(text: string): string {
  const url = URL.parse(text)
  if (!url) return ''
  url.username = ''
  url.password = ''
  return url.href
}
