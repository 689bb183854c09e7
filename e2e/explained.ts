// What a stack's PostgreSQL did for each statement that its services ran: auto_explain writes the plans into its log.
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Stack } from '@inorder/testing/stack.ts'
import pg from 'pg'

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  'Shared Hit Blocks'?: number
  'Shared Read Blocks'?: number
  Plans?: Node[]
}

export interface Executed {
  /** `application_name` of the session: the service's instance. */
  by: string
  text: string
  /** How it came to the rows of its tables, and how many it looked at, for people. */
  ways: string[]
  /** Tables that it read from one end to the other. */
  scanned: string[]
  /** Rows of tables that it looked at, those that a filter then left out as well. */
  rows: number
  /** Of 8 KiB, with those of indexes. */
  blocks: number
}

/** From now on; sessions that are open are ended, and their pools open others. No ANALYZE runs by itself any more. */
export async function explainAll(stack: Stack): Promise<void> {
  const client = new pg.Client({ connectionString: stack.databaseUrl('cart') })
  await client.connect()
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_buffers': 'on',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_parameter_max_length': '0',
    'auto_explain.log_format': 'json',
    log_line_prefix: '<%a> ',
    autovacuum: 'off',
  }
  await client.query(`LOAD 'auto_explain'`)
  for (const [name, value] of Object.entries(settings)) await client.query(`ALTER SYSTEM SET ${name} = '${value}'`)
  await client.query('SELECT pg_reload_conf()')
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  )
  await client.end()
}

/** The log, and before it what was turned over: the oldest first. */
const logsOf = ({ data }: Stack) =>
  ['.5', '.4', '.3', '.2', '.1', '']
    .map((end) => join(data, `logs/postgres.log${end}`))
    .filter((path) => existsSync(path))
    .map((path) => ({ path, size: statSync(path).size }))

/** Where the log ends now. */
export const logEnd = (stack: Stack): number => logsOf(stack).reduce((sum, { size }) => sum + size, 0)

/** What ended between two places of the log. */
export function executed(stack: Stack, from: number, to = logEnd(stack)): Executed[] {
  const bytes = Buffer.alloc(to - from)
  let start = 0
  for (const { path, size } of logsOf(stack)) {
    const [first, next] = [Math.max(from, start), Math.min(to, start + size)]
    if (first < next) {
      const file = openSync(path, 'r')
      readSync(file, bytes, first - from, next - first, first - start)
      closeSync(file)
    }
    start += size
  }
  // A message begins with its session's name, and goes on in lines that begin with a tab.
  const plans = bytes.toString().matchAll(/^<(.*)> LOG: {2}duration: .* plan:\n((?:\t.*\n)+)/gm)
  return [...plans].map(([, by = '', json = '']) => {
    const { 'Query Text': text, Plan } = JSON.parse(json) as { 'Query Text': string; Plan: Node }
    const nodes = nodesOf(Plan).filter((node) => node['Relation Name'] !== undefined && node['Actual Loops'])
    return {
      by,
      text: text.replaceAll(/\s+/g, ' ').trim(),
      ways: nodes.map(
        (node) =>
          `${node['Node Type']} ${node['Relation Name']} ${node['Index Name'] ?? ''} ${Math.round(rowsOf(node))}`,
      ),
      scanned: nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']!),
      rows: nodes.reduce((sum, node) => sum + rowsOf(node), 0),
      blocks: (Plan['Shared Hit Blocks'] ?? 0) + (Plan['Shared Read Blocks'] ?? 0),
    }
  })
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

/** A plan tells what one loop did. What changes rows is a node as well, and gives only those that it returns. */
const rowsOf = (node: Node) =>
  node['Actual Loops']! *
  ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0))
