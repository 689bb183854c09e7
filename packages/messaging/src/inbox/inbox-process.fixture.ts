// The service of running-inbox.fixture.ts as a process of its own, which a test can kill.
import { openPool } from '@inorder/storage/pool.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { textKey } from '../kafka/text-key.ts'
import { Inbox } from './inbox.ts'
import type { ModelEvent } from './model.fixture.ts'
import { modelHandler, modelRegistry, modelTopic } from './model-topic.fixture.ts'

const { DATABASE_URL = '', KAFKA_BROKERS = '', TOPIC = '', GROUP = '', INSTANCE = '', LOG_LEVEL = 'warn' } = process.env
const topic = { ...modelTopic(TOPIC), key: textKey(({ key }: ModelEvent) => key) }
const pool = openPool({ url: DATABASE_URL, name: INSTANCE, max: 8, onIdleError: () => {} })
const inbox = new Inbox(topic, modelHandler, {
  pool,
  brokers: KAFKA_BROKERS.split(','),
  registry: modelRegistry,
  group: GROUP,
  instance: INSTANCE,
  // Kafka knows it again at once after a kill.
  groupInstanceId: GROUP,
  logger: pino({ level: LOG_LEVEL }),
  metrics: new Registry(),
})
inbox.start()
process.once('SIGTERM', async () => {
  await inbox.close()
  await pool.end()
})
