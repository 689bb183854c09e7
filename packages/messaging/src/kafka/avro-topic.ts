import { avroCodec } from './avro-codec.ts'
import { textKey } from './text-key.ts'
import type { Topic } from './topic.ts'

/** What is left of a topic when its keys are texts, its values Avro, and its names the usual ones. */
export interface AvroTopic<Event> extends Pick<Topic<Event>, 'name' | 'partitions' | 'describe'> {
  /** As text, or what JSON.parse makes of it. */
  schema: string | object
  /** Default: none. */
  overLimits?: Topic<Event>['overLimits']
  /** Besides `event-version`. */
  headers?: Topic<Event>['headers']
}

const versionHeader = 'event-version'

/** A topic with the registry's subject `<name>-value`, and `<name>.parked` for copies of what a consumer could not apply. */
export function avroTopic<Event>(options: AvroTopic<Event>): Topic<Event> {
  const { name, partitions, schema, describe, overLimits = () => undefined, headers = () => ({}) } = options
  return {
    name,
    partitions,
    parkedName: `${name}.parked`,
    subject: `${name}-value`,
    key: textKey((event) => describe(event).key),
    value: avroCodec(typeof schema === 'string' ? schema : JSON.stringify(schema)),
    describe,
    overLimits,
    headers: (event) => ({ [versionHeader]: String(describe(event).version), ...headers(event) }),
    versionHeader,
  }
}
