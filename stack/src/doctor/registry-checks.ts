// What must hold of the schema registry.
import type { Told } from '@inorder/messaging/kafka/cluster-facts.ts'
import { fullCompatibility, SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import type { RegistryAccess } from '@inorder/messaging/kafka/registry-access.ts'
import { type Check, right, wrong } from './finding.ts'
import { type OwnPart, whereOurs } from './service-checks.ts'

export interface RegistryFacts {
  /** Of the schema that this release writes with. */
  id: number | undefined
  compatibility: string | undefined
}

export interface RegistryView {
  url: string
  subject: string
  facts: RegistryFacts
}

export async function readRegistry(
  { url, access }: { url: string; access: RegistryAccess },
  { subject, value }: { subject: string; value: { schema: string } },
  deadlineMs: number,
): Promise<RegistryFacts> {
  const registry = new SchemaRegistry({ url, deadlineMs, access })
  return {
    id: await registry.registeredId(subject, value.schema),
    compatibility: await registry.compatibilityOf(subject),
  }
}

export const registryReached: Check<{ url: string; facts: Told<RegistryFacts>; ours: readonly OwnPart[] }> = {
  id: 'registry-reached',
  title: 'the schema registry answers and lets us in',
  why: 'While it does not, events wait in the outbox, and readers wait at the first schema that they do not know.',
  judge: ({ url, facts, ours }) =>
    facts instanceof Error
      ? wrong(
          `${url}: ${facts.message}`,
          whereOurs(ours) ?? 'start it, or mend SCHEMA_REGISTRY_URL and SCHEMA_REGISTRY_* (docs/deploy.md)',
        )
      : right(url),
}

export const registryChecks: readonly Check<RegistryView>[] = [
  {
    id: 'registry-schema',
    title: 'the schema of this release is registered',
    why: 'The first event that is sent registers it: where the service may not, no event goes out.',
    judge: ({ facts: { id }, subject }) =>
      id === undefined
        ? wrong(
            `${subject} does not have it`,
            'node stack/bootstrap.js stack/src/prepare.ts, as a user that may register schemas',
          )
        : right(`${subject} has it as ${id}`),
  },
  {
    id: 'registry-compatibility',
    title: 'a new schema is readable by all, and reads all',
    why: 'Else a release can register a schema with which others park every event of it.',
    judge: ({ facts: { compatibility }, url, subject }) =>
      compatibility === fullCompatibility
        ? right(compatibility)
        : wrong(
            compatibility ?? 'nothing is demanded of this subject alone',
            `curl -X PUT ${url.replace(/\/$/, '')}/config/${subject} -H 'content-type: application/vnd.schemaregistry.v1+json' -d '{"compatibility":"${fullCompatibility}"}'`,
          ),
  },
]
