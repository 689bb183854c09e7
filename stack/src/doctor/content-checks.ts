// What must be in a service's database, and what its role may do there.
import { MigrationChanged } from '@inorder/storage/migrate.ts'
import type { DatabaseView } from './database-checks.ts'
import { type Check, right, unknown, wrong } from './finding.ts'
import { asOwner, ownerOf, quoted } from './psql.ts'

export const contentChecks: readonly Check<DatabaseView>[] = [
  {
    id: 'database-migrations',
    title: 'it has the newest migrations',
    why: 'A service whose tables are those of another release is not ready.',
    judge({ facts: { migrations, url }, service, migratesItself }) {
      if (migrations instanceof MigrationChanged)
        return wrong(
          migrations.message,
          'start that release again, or this one with other data: docs/operations.md#data-of-another-release',
        )
      if (migrations instanceof Error) return unknown(migrations.message)
      if (migrations.length === 0) return right('it has')
      const lacking = `it lacks ${migrations.join(', ')}`
      return migratesItself
        ? right(`${lacking}: the service makes them at its start`)
        : wrong(`${lacking}, and MIGRATE is off`, `DATABASE_URL='${ownerOf(url)}' npm run migrate -- ${service}`)
    },
  },
  {
    id: 'database-rights',
    title: 'the role may do what the service has to',
    why: 'A right that is missing fails each write that needs it, for as long as it is missing.',
    judge({ facts: { lacks, role, url, mayCreate, migrations }, migratesItself }) {
      if (lacks.length > 0)
        return wrong(
          `${role} lacks ${lacks.join(', ')}`,
          asOwner(url, [
            `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${quoted(role)}`,
            `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${quoted(role)}`,
          ]),
        )
      const isBehind = !(migrations instanceof Error) && migrations.length > 0
      if (migratesItself && isBehind && !mayCreate)
        return wrong(
          `${role} may not make tables, and MIGRATE is not off`,
          'MIGRATE=off, and npm run migrate as the owner: docs/deploy.md',
        )
      return right(role)
    },
  },
  {
    id: 'database-upkeep',
    title: 'the role may vacuum its outbox',
    why: 'Without it dead rows of the outbox are removed more seldom, and reading it becomes slow.',
    judge: ({ facts: { lacksForUpkeep, role, url } }) =>
      lacksForUpkeep.length === 0
        ? right(role)
        : wrong(
            `${role} lacks ${lacksForUpkeep.join(', ')}`,
            `psql -v role=${role} -f deploy/postgres/upkeep.sql '${ownerOf(url)}'`,
          ),
  },
  {
    id: 'database-lanes',
    title: 'its outbox is spread over the partitions that there are',
    why: 'The partition of an order follows from their number: if Kafka has others than the outbox was spread over, events of an order overtake each other (rule 23).',
    judge({ facts: { lanes }, topics }) {
      for (const { topic, partitions, relay } of lanes) {
        const known = topics.get(topic)
        if (known === undefined) continue
        if (known instanceof Error) return unknown(known.message)
        const there = known.partitions.length
        if (relay !== 'runs')
          return wrong(
            `publishing to ${topic} is ${relay}`,
            `npm run raise-partitions -- ${Math.max(partitions, there)}`,
          )
        if (partitions !== there)
          return wrong(
            `${topic} has ${there} partitions, the outbox was spread over ${partitions}`,
            'add partitions by npm run raise-partitions alone; now look at GET /ops/parked of each service for orders that wait',
          )
      }
      return right(
        lanes.map(({ topic, partitions }) => `${topic}: ${partitions}`).join(', ') || 'nothing was published yet',
      )
    },
  },
  {
    id: 'database-topic-id',
    title: 'its positions are of this topic',
    why: 'Positions of another topic of the same name mean another Kafka, or one that was made again: events are missing (rule 19).',
    judge({ facts: { topicIds }, topic, topics }) {
      const known = topics.get(topic)
      if (known === undefined || known instanceof Error) return unknown(known?.message ?? `nobody asked about ${topic}`)
      if (topicIds.length === 0) return right('it has none yet')
      if (topicIds.includes(known.id)) return right(known.id)
      return wrong(
        `${topicIds.join(', ')}, and ${topic} is ${known.id}`,
        'name the Kafka of this database in KAFKA_BROKERS; if the topic was made again: docs/operations.md#records-are-gone',
      )
    },
  },
]
