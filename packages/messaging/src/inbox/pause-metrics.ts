import type { Pool } from 'pg'
import type { Registry } from 'prom-client'
import { storedGauges } from '../outbox/stored-gauges.ts'
import { inForce } from './pauses.ts'

const counted = `SELECT what, CASE WHEN what = 'effects' THEN name ELSE '' END AS kind, count(*)::int AS value FROM paused
  WHERE ${inForce} GROUP BY 1, 2`

export function pauseMetrics(registry: Registry, pool: Pool): void {
  const read = async () => (await pool.query<{ what: string; kind: string; value: number }>(counted)).rows
  storedGauges(registry, read, [
    {
      name: 'inorder_paused',
      help: 'What an operator has paused: 1 for the inbox, or effects of a kind (empty: of all), and how many keys',
      labelNames: ['what', 'kind'],
      of: (rows) => rows.map(({ value, ...labels }) => ({ labels, value })),
    },
  ])
}
