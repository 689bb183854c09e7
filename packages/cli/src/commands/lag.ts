// How far each service is behind Kafka.
import { consumers, type Service } from '../addresses.ts'
import { type Add, serviceOption } from '../command.ts'
import type { Context } from '../context.ts'
import { ofEach, type Told } from '../services.ts'
import { table } from '../text.ts'

export interface Position {
  partition: number
  next: number
  end: number | null
  lag: number | null
  /** The instance that reads it. */
  owner: string | null
  stalledSeconds: number | null
}

export function addLag(add: Add): void {
  add<{ service?: Service }>(
    'lag',
    'how far each service is behind Kafka; with --service: by partition',
    ['lag', 'lag --service=order'],
    async (context, _, { service }) => {
      const found = await ofEach(service ? [service] : consumers, (one) => positionsOf(context, one))
      const failure = found.find(({ failure }) => failure)?.failure
      if (context.json) context.answer(Object.fromEntries(found.map((one) => [one.service, one.value ?? null])))
      else context.print(...(service ? partitionTable(found[0]?.value ?? []) : serviceTable(found)))
      if (failure) throw failure
    },
  ).addOption(serviceOption('one service, by partition', consumers))
}

const partitionTable = (positions: readonly Position[]): string[] =>
  table(
    ['PARTITION', 'NEXT', 'END', 'LAG', 'OWNER', 'STALLED, S'],
    positions.map((p) => [p.partition, p.next, p.end, p.lag, p.owner, p.stalledSeconds]),
  )

const serviceTable = (found: readonly Told<Position[]>[]): string[] =>
  table(
    ['SERVICE', 'LAG', 'PARTITIONS'],
    found.map(({ service, value }) => [service, value ? totalLag(value) : 'no answer', value?.length]),
  )

export const positionsOf = async ({ ask }: Context, service: Service): Promise<Position[]> =>
  (await ask<{ items: Position[] }>(service, '/ops/positions?limit=1000')).body.items

/** Null: of a partition it is not known. */
export const totalLag = (positions: readonly Position[]): number | null =>
  positions.some(({ lag }) => lag === null) ? null : positions.reduce((sum, { lag }) => sum + lag!, 0)
