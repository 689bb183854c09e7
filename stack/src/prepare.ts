// Makes the topics and registers the schemas where no local stack does it: a deployment's one-shot step.
import { secretOf } from '@inorder/storage/settings.ts'
import { StartFailure } from './failure.ts'
import { makeTopics, registerSchemas } from './topics.ts'

const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
try {
  const [KAFKA_BROKERS, SCHEMA_REGISTRY_URL] = ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL'].map((name) =>
    secretOf(process.env, name),
  )
  if (!KAFKA_BROKERS || !SCHEMA_REGISTRY_URL) throw new StartFailure('set KAFKA_BROKERS and SCHEMA_REGISTRY_URL')
  await makeTopics(KAFKA_BROKERS, stopping.signal)
  await registerSchemas(SCHEMA_REGISTRY_URL)
  console.log('topics and schemas are there')
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
