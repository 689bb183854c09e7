// What must hold of a PostgreSQL, and of the sessions that a service has there.

import type { Told, TopicFacts } from '@inorder/messaging/kafka/cluster-facts.ts'
import { databaseDenial } from '@inorder/storage/database-denied.ts'
import type { DatabaseFacts } from './database-facts.ts'
import { type Check, type Opinion, right, unknown, wrong } from './finding.ts'
import { asOwner, quoted } from './psql.ts'

export interface DatabaseView {
  service: string
  facts: DatabaseFacts
  /** What its relay publishes to and what it reads, as Kafka has them. */
  topics: ReadonlyMap<string, Told<TopicFacts>>
  /** The topic that its positions are of. */
  topic: string
  migratesItself: boolean
  /** Sessions that this service, and all services of the same server, may open. */
  sessions: { own: number; all: number }
}

const oldest = 14
const largestOffsetMs = 5_000
const limits = ['statement_timeout', 'idle_in_transaction_session_timeout']

export const databaseReached: Check<Told<DatabaseFacts>[]> = {
  id: 'database-reached',
  title: 'PostgreSQL answers and lets us in',
  why: 'While it does not, the service answers 503 and stores nothing.',
  judge: ([facts]) =>
    facts instanceof Error
      ? wrong(reasonOf(facts), 'start it, or mend DATABASE_URL (docs/deploy.md)')
      : right(facts?.url ?? ''),
}

export const serverChecks: readonly Check<DatabaseView>[] = [
  {
    id: 'database-version',
    title: `PostgreSQL is ${oldest} or later`,
    why: 'Older servers do not end sessions that keep still, which is how a frozen leader loses its lock (rule 8).',
    judge({ facts: { version, versionNumber } }) {
      if (versionNumber < oldest * 10_000) return wrong(version, 'pg_upgrade to a later release')
      return right(versionNumber < 170_000 ? `${version}; from 17 on a transaction has a limit as well` : version)
    },
  },
  {
    id: 'database-primary',
    title: 'it takes writes',
    why: 'A standby takes no order and no event.',
    judge({ facts }) {
      if (facts.isStandby) return wrong(`${facts.url} is a standby`, 'name the primary in DATABASE_URL')
      return setting(facts, 'default_transaction_read_only', (value) => value === 'off', 'off')
    },
  },
  {
    id: 'database-durable',
    title: 'a commit is on disk when it is answered',
    why: 'An order that was answered 201 must survive a power cut.',
    judge({ facts }) {
      const opinions = [
        setting(facts, 'fsync', (value) => value === 'on', 'on'),
        setting(facts, 'full_page_writes', (value) => value === 'on', 'on'),
        setting(facts, 'synchronous_commit', (value) => value !== 'off', 'on'),
      ]
      const faults = opinions.filter(({ verdict }) => verdict === 'wrong')
      if (faults.length === 0) return right(opinions.map(({ found }) => found).join(', '))
      return wrong(faults.map(({ found }) => found).join(', '), faults.map(({ mend }) => mend).join('\n'))
    },
  },
  {
    id: 'database-isolation',
    title: 'transactions are READ COMMITTED',
    why: 'A second statement must see what was committed while it waited for a lock: in a snapshot of the whole transaction it does not, and writes fail or answer for an old state.',
    judge: ({ facts }) =>
      setting(facts, 'default_transaction_isolation', (value) => value === 'read committed', 'read committed'),
  },
  {
    id: 'database-encoding',
    title: 'it holds every text',
    why: 'What a database of another encoding cannot hold is refused as the fault of who sent it.',
    judge: ({ facts: { encoding, database } }) =>
      encoding === 'UTF8'
        ? right(encoding)
        : wrong(
            encoding,
            `createdb --template template0 --encoding UTF8 --locale C ${database}_utf8, and move the data by pg_dump`,
          ),
  },
  {
    id: 'database-pooling',
    title: 'a session is one session of the server',
    why: 'Locks, notifications and settings belong to a session: behind a proxy that pools transactions two relays publish at once, and events overtake each other (rule 8).',
    judge({ facts: { pooling, server, database } }) {
      if (pooling instanceof Error) return unknown(pooling.message)
      if (pooling === 'sessions') return right('it is')
      return wrong(
        'a proxy pools transactions (PgBouncer with pool_mode=transaction, say)',
        `${direct(server)}; or in pgbouncer.ini: ${database} = ... pool_mode=session`,
      )
    },
  },
  {
    id: 'database-session-limits',
    title: 'sessions have the limits that the service asks for',
    why: 'They end a frozen holder of locks (rule 8); a proxy that leaves them out keeps all others waiting for it.',
    judge({ facts: { limits: found, server } }) {
      if (found instanceof Error)
        return /startup parameter/.test(found.message) ? wrong(found.message, direct(server)) : unknown(found.message)
      const listed = limits.map((name) => `${name}=${found.get(name)}`).join(', ')
      return limits.some((name) => found.get(name) === '0') ? wrong(`${listed}: none`, direct(server)) : right(listed)
    },
  },
  {
    id: 'database-connections',
    title: 'there are connections enough',
    why: 'A service that gets none answers 503, and a relay that gets none does not publish.',
    judge({ facts, sessions }) {
      const number = (name: string) => Number(facts.settings.get(name)?.value ?? 0)
      const ofServer =
        number('max_connections') - number('superuser_reserved_connections') - number('reserved_connections')
      const { database, role } = facts.connectionLimits
      const found = `${sessions.all} are needed of ${ofServer}`
      if (ofServer < sessions.all)
        return wrong(
          found,
          `${asOwner(facts.url, [`ALTER SYSTEM SET max_connections = ${number('max_connections') + sessions.all - ofServer}`])}, and restart the server`,
        )
      const name = { database: `DATABASE ${quoted(facts.database)}`, role: `ROLE ${quoted(facts.role)}` }
      for (const [kind, limit] of Object.entries({ database, role }))
        if (limit >= 0 && limit < sessions.own)
          return wrong(
            `${sessions.own} are needed, and the ${kind} may have ${limit}`,
            asOwner(facts.url, [`ALTER ${name[kind as 'role']} CONNECTION LIMIT ${sessions.own}`]),
          )
      return right(found)
    },
  },
  {
    id: 'database-clock',
    title: 'its clock and that of this machine agree',
    why: 'Ends of pauses, leases and expiries go by the clock of the database, orders and tokens by those of the services.',
    judge({ facts: { clock } }) {
      const offset = Math.round(clock.offsetMs)
      const found = `this machine is ${Math.abs(offset)} ms ${offset < 0 ? 'behind' : 'ahead'}, to ${Math.ceil(clock.errorMs)} ms`
      return Math.abs(clock.offsetMs) - clock.errorMs <= largestOffsetMs
        ? right(found)
        : wrong(found, 'timedatectl set-ntp true, on the machine whose clock is wrong')
    },
  },
]

/** Of several addresses of a host each has its own. */
const reasonOf = (error: Error): string =>
  databaseDenial(error) ??
  (error instanceof AggregateError ? error.errors.map(({ message }) => message).join('; ') : error.message)

const direct = (server: string | null): string => `DATABASE_URL='${server ?? 'the address of PostgreSQL itself'}'`

/** By who has set it. */
function setting(facts: DatabaseFacts, name: string, isRight: (value: string) => boolean, wanted: string): Opinion {
  const { value = '', source = '' } = facts.settings.get(name) ?? {}
  const found = `${name}=${value}`
  if (isRight(value)) return right(found)
  const owner: Record<string, string> = {
    database: `DATABASE ${quoted(facts.database)}`,
    user: `ROLE ${quoted(facts.role)}`,
    'database user': `ROLE ${quoted(facts.role)} IN DATABASE ${quoted(facts.database)}`,
  }
  if (source === 'command line') return wrong(found, `take ${name} from the command line of the server`)
  return owner[source]
    ? wrong(found, asOwner(facts.url, [`ALTER ${owner[source]} RESET ${name}`]))
    : wrong(found, asOwner(facts.url, [`ALTER SYSTEM SET ${name} = '${wanted}'`, 'SELECT pg_reload_conf()']))
}
