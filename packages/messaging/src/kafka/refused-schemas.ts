// A registry may serve all schemas but one: it refuses that one (403), or breaks over it (500). A record that names it
// would hold up its partition for ever.
import { RegistryUnavailable, type SchemaRegistry, UnknownSchema } from './registry.ts'

/** Failures in a row, each while the registry served the schema of our own subject, over so long. */
const leastFailures = 5
const givenUpAfterMs = 60_000
/** Whoever names another id each time does not fill the memory. */
const mostRemembered = 1_000

/**
 * The registry. A schema that it has not served for a minute, though it serves the newest of `subject`, counts as unknown:
 * its records are parked, and a redrive asks anew. An outage begins the minute anew, so that nothing is parked for it.
 */
export function isolatingRefusals(
  registry: Pick<SchemaRegistry, 'schemaOf' | 'serves'>,
  subject: string,
): Pick<SchemaRegistry, 'schemaOf'> {
  const refused = new Map<number, { since: number; failures: number }>()

  function failed(id: number): boolean {
    const before = refused.get(id) ?? { since: performance.now(), failures: 0 }
    const failures = before.failures + 1
    for (const oldest of refused.keys()) if (refused.size >= mostRemembered) refused.delete(oldest)
    refused.set(id, { ...before, failures })
    return failures >= leastFailures && performance.now() - before.since >= givenUpAfterMs
  }

  return {
    async schemaOf(id) {
      try {
        const schema = await registry.schemaOf(id)
        refused.delete(id)
        return schema
      } catch (error) {
        if (!(error instanceof RegistryUnavailable)) throw error
        if (!(await registry.serves(subject))) refused.clear()
        else if (failed(id))
          throw new UnknownSchema(
            `the registry serves the schema of ${subject}, and not schema ${id}: ${error.message}`,
          )
        throw error
      }
    },
  }
}
