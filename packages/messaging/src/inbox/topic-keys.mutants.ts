import { describe } from 'node:test'
import { eachIsCaught } from './mutants.fixture.ts'

const insert = `(topic_id, partition, topic, keys) VALUES ($1, $2, $3, $4)`

describe('pages miss keys, or batches wait for each other, where', { concurrency: 2 }, () =>
  eachIsCaught(
    {
      'a batch numbers its keys itself, by a sequence': {
        file: 'inbox/topic-keys.ts',
        from: insert,
        to: `(topic_id, partition, topic, keys, last) SELECT $1::uuid, $2::int, $3::text, $4::text[], setval(s, nextval(s) + cardinality($4::text[]) - 1) FROM pg_get_serial_sequence($q$topic_keys$q$, $q$seq$q$) AS s`,
      },
      'a batch holds the lock of the topic until it is committed': {
        file: 'inbox/topic-keys.ts',
        from: 'const rows = Math.ceil(',
        to: 'await tx.query(`SELECT pg_advisory_xact_lock(1)`); const rows = Math.ceil(',
      },
      'who reads numbers nothing': {
        file: 'inbox/topic-keys.ts',
        from: 'if (rowCount === 0) return',
        to: 'if (rowCount !== null) return',
      },
      'only a partition without any number has keys to be numbered': {
        file: 'inbox/topic-keys.ts',
        from: 'WHERE seq > numbered',
        to: 'WHERE numbered = 0',
      },
      'numbers begin anew': {
        file: 'inbox/topic-keys.ts',
        from: 'coalesce(max(last), 0) FROM topic_keys',
        to: 'coalesce(max(last) - 1, 0) FROM topic_keys',
      },
    },
    'topic-keys.int.ts',
  ),
)
