// Makes the topics and registers the schemas where no local stack does it: a deployment's one-shot step.
import { StartFailure } from './failure.ts'
import { makeTopics, registerSchemas } from './topics.ts'

const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL } = process.env
const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
try {
  if (!KAFKA_BROKERS || !SCHEMA_REGISTRY_URL) throw new StartFailure('set KAFKA_BROKERS and SCHEMA_REGISTRY_URL')
  await makeTopics(KAFKA_BROKERS, stopping.signal)
  await registerSchemas(SCHEMA_REGISTRY_URL)
  console.log('topics and schemas are there')
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
