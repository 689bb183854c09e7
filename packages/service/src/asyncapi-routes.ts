import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { AsyncApi } from './asyncapi.ts'

/** Nothing is asked for but the page itself, and nothing in it runs. */
const contentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'"

export const asyncApiRoutes =
  (document: AsyncApi): FastifyPluginAsyncTypebox =>
  async (app) => {
    const html = page(document)
    app.get('/asyncapi.json', { schema: { hide: true } }, async () => document)
    app.get('/asyncapi', { schema: { hide: true } }, async (_request, reply) =>
      reply.header('content-security-policy', contentSecurityPolicy).type('text/html; charset=utf-8').send(html),
    )
  }

const style =
  'body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}' +
  'td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ccc}'

function page({ info, channels, operations, components: { messages } }: AsyncApi): string {
  const { event, copy, reference } = messages
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(info.title)}</title><style>${style}</style></head><body>
<h1>${escaped(info.title)}</h1>
<p>${escaped(info.description)} As AsyncAPI 3: <a href="/asyncapi.json">/asyncapi.json</a>.</p>
<h2>${escaped(channels.events.address)}</h2>
<p>${escaped(channels.events.summary)}. ${escaped(operations.publishEvents.summary)}.</p>
${settings(channels.events)}
<h3>Headers</h3>
<p>${escaped(event.summary)}.</p>
${table(['header', 'such as'], exampleRows(event.headers.properties))}
<h3>Value: Avro, in Confluent's wire format</h3>
${table(['field', 'type', 'is'], fieldRows(event.payload.schema))}
<h2>${escaped(channels.parked.address)}</h2>
<p>${escaped(channels.parked.summary)}. ${escaped(operations.copyParked.summary)}. Its value is one of two:</p>
<ul><li>${escaped(copy.title)}</li><li>${escaped(reference.title)}, as JSON</li></ul>
${settings(channels.parked)}
<h3>Headers</h3>
${table(['header', 'is'], describedRows(reference.headers.properties))}
<h3>Value of a reference</h3>
${table(['field', 'is'], describedRows(reference.payload.properties))}
</body></html>
`
}

const settings = ({ bindings: { kafka } }: Pick<AsyncApi['channels']['events'], 'bindings'>) =>
  table(
    ['setting', 'is'],
    [['partitions', kafka.partitions], ...Object.entries(kafka.topicConfiguration)].map(([name, value]) => [
      String(name),
      String(value),
    ]),
  )

const exampleRows = (properties: Record<string, { examples: string[] }>) =>
  Object.entries(properties).map(([name, { examples }]) => [name, examples.join(', ')])

const describedRows = (properties: Record<string, { description: string }>) =>
  Object.entries(properties).map(([name, { description }]) => [name, description])

interface AvroField {
  name: string
  type: unknown
  doc?: string
}

/** A row for each field, those of the records inside with the way to them. */
function fieldRows({ fields }: { fields: AvroField[] }, path = ''): string[][] {
  return fields.flatMap(({ name, type, doc = '' }) => {
    const record = recordIn(type)
    return [[`${path}${name}`, typeName(type), doc], ...(record ? fieldRows(record, `${path}${name}.`) : [])]
  })
}

type Avro = { type: unknown; items?: unknown; name?: string; logicalType?: string; fields?: AvroField[] }

function recordIn(type: unknown): { fields: AvroField[] } | undefined {
  if (Array.isArray(type)) return type.map(recordIn).find(Boolean)
  const { fields, items } = Object(type) as Avro
  return fields ? { fields } : items === undefined ? undefined : recordIn(items)
}

function typeName(type: unknown): string {
  if (Array.isArray(type)) return type.map(typeName).join(' or ')
  if (typeof type === 'string') return type
  const { type: own, items, name, logicalType, ...rest } = type as Avro & { precision?: number; scale?: number }
  if (items !== undefined) return `array of ${typeName(items)}`
  if (rest.precision !== undefined) return `${logicalType}(${rest.precision},${rest.scale}) in ${own}`
  return logicalType ? `${logicalType} in ${own}` : (name ?? String(own))
}

const table = (heads: string[], rows: string[][]): string =>
  `<table><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr>\n${rows
    .map((cells) => `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`)
    .join('\n')}</table>`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
