// A service with slow effects, for the tests: each event asks for the effects that it names, and the table `done` holds
// what was settled, as often as it was.
import { fileURLToPath } from 'node:url'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Committer } from '../inbox/commit.ts'
import type { Effect, EffectKind } from '../inbox/effect.ts'
import type { Handler } from '../inbox/handler.ts'
import { entryOf } from '../inbox/key-state.ts'
import type { ModelEvent } from '../inbox/model.fixture.ts'
import { makeModelTable, modelHandler, modelRegistry, modelTopic, recordOf } from '../inbox/model-topic.fixture.ts'
import { takeSteps } from '../inbox/redrive-runs.ts'
import { Decoder } from '../kafka/decode.ts'
import { EffectRunner, type EffectRunnerOptions } from './runner.ts'

const folder = (name: string) => ({ name, path: fileURLToPath(new URL(`../../migrations/${name}`, import.meta.url)) })

export interface EffectEvent extends ModelEvent {
  effects?: Effect[]
}

export const effectHandler: Handler<string[], EffectEvent> = {
  ...modelHandler,
  apply: (state, event) => ({ state: modelHandler.apply(state, event).state, effects: event.effects ?? [] }),
}

/** What a runner of the tests does with each result; `done` takes none that says `unsavable`. */
export async function settle(tx: Tx, { key, id }: { key: string; id: string }, result: unknown) {
  await tx.query('INSERT INTO done (key, effect, result) VALUES ($1, $2, $3)', [key, id, String(result)])
}

export type EffectsRig = Awaited<ReturnType<typeof effectsRig>>

export async function effectsRig() {
  const database = await freshDatabase('effects')
  await migrate(database.url, [folder('outbox'), folder('inbox'), folder('effects')])
  await makeModelTable(database.url)
  const pool = openPool({ url: database.url, name: 'effects-test', max: 10, onIdleError: () => {} })
  await pool.query(`CREATE TABLE done (seq int GENERATED ALWAYS AS IDENTITY, key text, effect text,
    result text CHECK (result <> 'unsavable'))`)
  const topic = modelTopic(unique('events'))
  const decoder = new Decoder(topic, modelRegistry)
  const runners: EffectRunner[] = []

  const contextOf = (handler: typeof effectHandler) => ({
    topic,
    handler,
    decoder,
    service: 'test',
    instance: 'test-1',
  })

  /** Applies these events, as a batch of a consumer does. */
  async function apply(events: EffectEvent[], handler = effectHandler): Promise<void> {
    const topicId = crypto.randomUUID()
    const records = events.map((event, i) => recordOf({ place: String(i), key: event.key, event }))
    const entries = (await decoder.decodeAll(topicId, records)).map((record) => entryOf(record))
    const spans = new Map([[0, { from: 0n, next: BigInt(events.length) }]])
    await new Committer(pool, contextOf(handler)).commit({ topicId, entries, spans }, () => {})
  }

  return {
    pool,
    url: database.url,
    apply,
    /** As an operator does. */
    redriveEvents: (key: string) => takeSteps(pool, key, { key, operator: 'anna' }, contextOf(effectHandler), () => {}),
    /** A runner of one kind, `call`, whose perform this is; it has started. */
    runner(perform: EffectKind['perform'], more: Partial<EffectRunnerOptions> = {}) {
      const lines: Record<string, unknown>[] = []
      const logger = pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line)) })
      const metrics = new Registry()
      const runner = new EffectRunner({ pool, kinds: { call: { perform, settle } }, logger, metrics, ...more })
      runners.push(runner)
      runner.start()
      const attempts = async (outcome: string): Promise<number> =>
        (await metrics.getSingleMetric('inorder_effects_attempts_total')!.get()).values.find(
          (v) => v.labels.outcome === outcome,
        )?.value ?? 0
      return Object.assign(runner, { lines, metrics, attempts })
    },
    /** `effect=result`, in the order in which they were settled. */
    done: async (key: string): Promise<string[]> =>
      (await pool.query(`SELECT effect || '=' || result AS it FROM done WHERE key = $1 ORDER BY seq`, [key])).rows.map(
        ({ it }) => it,
      ),
    left: async (): Promise<number> => (await pool.query('SELECT FROM effect')).rowCount ?? 0,
    /** As if the lease of what is running had ended. */
    endLeases: () => pool.query('UPDATE effect SET due_at = now() WHERE due_at IS NOT NULL'),
    async close() {
      await Promise.all(runners.map((runner) => runner.close()))
      await pool.end()
      await database.drop()
    },
  }
}

/** Version `version` of a key, which asks for `count` calls. */
export const event = (key: string, version: number, count = 1, more: Partial<EffectEvent> = {}): EffectEvent => ({
  id: `${key}-v${version}`,
  key,
  version,
  effects: Array.from({ length: count }, (_, i) => ({ kind: 'call', payload: { what: `${version}.${i + 1}` } })),
  ...more,
})

/** Keys of the effects of versions 1 to `versions`. */
export const effectIds = (key: string, versions: number, count = 1): string[] =>
  Array.from({ length: versions * count }, (_, i) => `${key}-v${1 + Math.floor(i / count)}:${1 + (i % count)}`)
