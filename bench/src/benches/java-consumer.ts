// B9: the order service's consumer beside the same work in Java (bench/java), written for the most events a second: each
// drains the backlog into a new database. It is measured when it has been at it for a while, as a JVM is slow before its
// code is compiled.
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { databaseOf } from '@inorder/stack/databases.ts'
import { jars } from '@inorder/stack/install.ts'
import { findJava } from '@inorder/stack/java.ts'
import { readSettings } from '@inorder/stack/settings.ts'
import { run } from '@inorder/stack/tool.ts'
import pg from 'pg'
import type { Bench, BenchSide } from '../bench.ts'
import { applying, filled, inboxApplied } from './backlog.ts'

const threads = 2
/** Seconds before a side is measured, by those for which it is. */
const warm = 2

const sources = fileURLToPath(new URL('../../java', import.meta.url))
const schema = fileURLToPath(new URL('../../../packages/contracts/src/order-event.v1.avsc', import.meta.url))

export const javaConsumer: Bench = {
  id: 'B9',
  title: 'a backlog: the order service / the same work in Java',
  aims: [{ of: 'ratio', atLeast: 0.8 }],
  stacks: ['none'],
  warm: 1,
  async open(bed) {
    const stack = bed.stack('none')
    const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    const { java, options } = await compile()
    const total = await filled(bed, stack)

    const drain = (side: string, tables: string, start: (url: string) => ReturnType<typeof bed.start>): BenchSide => ({
      name: side,
      unit: 'events/s',
      async run(turn) {
        const name = new URL(await bed.database(stack)).pathname.slice(1)
        // Not by the socket, which JDBC has no way to.
        const url = databaseOf(stack.databaseUrl('cart'), name)
        await execute(url, tables)
        const { round } = await applying(bed, () => start(url), url, inboxApplied, total, turn, warm * turn.seconds)
        await execute(databaseOf(url, 'postgres'), `DROP DATABASE ${name} WITH (FORCE)`)
        return round
      },
    })
    return {
      sides: [
        drain('order service', '', (url) => {
          const parts = { DATABASE_URL: url, KAFKA_BROKERS: kafka, SCHEMA_REGISTRY_URL: registry }
          const env = { ...parts, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'warn' }
          return bed.node('order', '../../services/order/src/main.ts', [], env)
        }),
        drain('Java', readFileSync(join(sources, 'tables.sql'), 'utf8'), (url) => {
          const { host, pathname } = new URL(url)
          const jdbc = `jdbc:postgresql://${host}${pathname}?user=postgres`
          const args = [kafka, registry, jdbc, schema, orderEvents.name, String(threads)]
          return bed.start('java', java, [...options, 'OrderConsumer', ...args])
        }),
      ],
    }
  },
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** Fetches the jars, where that was not done, and compiles the consumer: the `java` that runs it, and its options. */
async function compile(): Promise<{ java: string; options: string[] }> {
  const settings = readSettings(process.env)
  const { signal } = new AbortController()
  const home = await findJava(settings, process.env, signal)
  const { folder, files } = await jars('bench/java/peer-1', 'the Java consumer, 16 jars, 28 MB', settings, home, signal)
  const classes = join(settings.install, 'peer-1-classes')
  mkdirSync(classes, { recursive: true })
  const classPath = [classes, ...files.map(({ path }) => join(folder, path))].join(delimiter)
  const args = ['-d', classes, '-cp', classPath, ...globSync(join(sources, '*.java'))]
  await run({ file: join(home, 'bin/javac'), args }, signal)
  return { java: join(home, 'bin/java'), options: ['-Xms512m', '-Xmx512m', '-XX:+UseParallelGC', '-cp', classPath] }
}
