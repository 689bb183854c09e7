// A cart and an order service of a given size: so many orders, partitions and instances, each time from the same start.
import type { ChildProcess } from 'node:child_process'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { newTopics } from '@inorder/messaging/kafka/create-topic.ts'
import { keysReceived, ordersOfCart, ordersReceived } from '@inorder/testing/many-orders.ts'
import { freePort } from '@inorder/testing/ports.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin } from '@platformatic/kafka'
import pg from 'pg'
import type { Bed } from '../bed.ts'

export interface Size {
  orders: number
  partitions: number
  /** Of the cart, and of the order service. */
  instances: number
}

export interface Shop {
  carts: string[]
  cartDatabase: string
  /** Records in the topic. */
  published(): Promise<number>
  /** Resolves when the order service has applied all of them. */
  applied(): Promise<void>
  close(): Promise<void>
}

const services = { cart: ordersOfCart, order: (n: number) => `${ordersReceived(n)};${keysReceived(n)}` }
const deadlineMs = 10_000

export class Shops {
  readonly #bed: Bed
  readonly #stack: Stack
  readonly #admin: KafkaAdmin
  readonly #templates = new Set<string>()
  #databases = 0

  constructor(bed: Bed, stack: Stack) {
    this.#bed = bed
    this.#stack = stack
    this.#admin = new KafkaAdmin({ brokers: stack.address('kafka').split(','), clientId: 'growth' })
  }

  close(): Promise<void> {
    return this.#admin.close()
  }

  /** `consumer: false`: without the order service. */
  async open({ orders, partitions, instances }: Size, consumer = true): Promise<Shop> {
    await this.#makeTopics(partitions)
    const databases = { cart: await this.#database('cart', orders), order: await this.#database('order', orders) }
    const of = async (service: 'cart' | 'order') => {
      const started: { child: ChildProcess; url: string }[] = []
      for (let n = 1; n <= instances; n++) started.push(await this.#service(service, databases[service], n))
      return started
    }
    const carts = await of('cart')
    const readers = consumer ? await of('order') : []
    const published = async () =>
      Number((await this.#admin.ends(orderEvents.name, deadlineMs)).ends.reduce((sum, end) => sum + end, 0n))
    return {
      carts: carts.map(({ url }) => url),
      cartDatabase: databases.cart,
      published,
      applied: async () => {
        const total = await published()
        const position = 'SELECT sum(next_offset) AS n FROM inbox_position'
        await until(
          'all is applied',
          async () => Number((await sql(databases.order, position)).rows[0]?.n) >= total,
          120_000,
        )
      },
      close: async () => {
        await Promise.all([...carts, ...readers].map(({ child }) => this.#bed.end(child)))
        for (const url of Object.values(databases)) await this.#server(`DROP DATABASE ${nameOf(url)} WITH (FORCE)`)
      },
    }
  }

  /** New ones: who reads them begins with nothing. */
  async #makeTopics(partitions: number): Promise<void> {
    const topics = newTopics({ ...orderEvents, partitions })
    const names = topics.map(({ name }) => name)
    const admin = new Admin({ clientId: 'growth', bootstrapBrokers: this.#stack.address('kafka').split(',') })
    const there = async () => (await admin.listTopics()).filter((name) => names.includes(name))
    const old = await there()
    if (old.length > 0) await admin.deleteTopics({ topics: old })
    await until('the topics are gone', async () => (await there()).length === 0)
    await this.#admin.createTopics(topics, deadlineMs)
    await admin.close()
    await until(
      'the topic is there',
      async () => (await this.#admin.ends(names[0]!, deadlineMs)).ends.length === partitions,
    )
  }

  /** A copy of a template with so many orders, which is made when it is asked for first. */
  async #database(service: 'cart' | 'order', orders: number): Promise<string> {
    const empty = await this.#template(`${service}_empty`, undefined, async (url) => {
      // It makes its tables itself.
      const { child } = await this.#service(service, url, 1)
      await this.#bed.end(child)
    })
    const filled = await this.#template(`${service}_${orders}`, empty, async (url) => {
      await sql(url, services[service](orders))
      await sql(url, 'VACUUM ANALYZE')
    })
    return this.#create(`growth_${++this.#databases}`, filled)
  }

  async #template(name: string, from: string | undefined, make: (url: string) => Promise<void>): Promise<string> {
    if (!this.#templates.has(name)) {
      await make(await this.#create(name, from))
      this.#templates.add(name)
    }
    return name
  }

  async #create(name: string, template = 'template0'): Promise<string> {
    await this.#server(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY = FILE_COPY`)
    return this.#stack.databaseUrl('cart').replace(/[^/]*$/, name)
  }

  #server(text: string): Promise<pg.QueryResult> {
    return sql(this.#stack.databaseUrl('cart').replace(/[^/]*$/, 'postgres'), text)
  }

  async #service(
    service: 'cart' | 'order',
    database: string,
    n: number,
  ): Promise<{ child: ChildProcess; url: string }> {
    const port = await freePort()
    const child = this.#bed.node(service, `../../services/${service}/src/main.ts`, [], {
      DATABASE_URL: database,
      KAFKA_BROKERS: this.#stack.address('kafka'),
      SCHEMA_REGISTRY_URL: this.#stack.address('registry'),
      PORT: String(port),
      INSTANCE: `${service}-${n}`,
      // Topics that are made anew are what it warns of.
      LOG_LEVEL: 'error',
    })
    const url = `http://127.0.0.1:${port}`
    await until(`${service} is ready`, async () => (await fetch(`${url}/health/ready`)).status === 200)
    return { child, url }
  }
}

const nameOf = (url: string) => url.slice(url.lastIndexOf('/') + 1)

export async function sql(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}
