import { STATUS_CODES } from 'node:http'
import swagger from '@fastify/swagger'
import { formats } from '@inorder/contracts/formats.ts'
import type { ProblemName } from '@inorder/contracts/problems.ts'
import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance, FastifySchema } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { TObject } from 'typebox'
import { answersOf } from './answers.ts'
import { withComponents } from './components.ts'
import { entityTags } from './preconditions.ts'
import { scopeOf } from './scopes.ts'

// The page must ask nothing off the machine; its own script and style are inline or from here.
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "frame-ancestors 'none'",
].join('; ')

/** A parameter that has a default may be left out; to ajv, which fills it in, it is always there. */
function withOptionalDefaults({ querystring, ...schema }: FastifySchema): FastifySchema {
  const query = querystring as TObject | undefined
  if (!query) return schema
  const required = query.required?.filter((name) => !('default' in (query.properties[name] ?? {})))
  return { ...schema, querystring: { ...query, required } }
}

/** A schema whose formats are also told in words of JSON Schema, so that OpenAPI is as strict as the service. */
function withFormatsTold<Schema>(schema: Schema): Schema {
  if (Array.isArray(schema)) return schema.map(withFormatsTold) as Schema
  if (typeof schema !== 'object' || schema === null) return schema
  const told = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, withFormatsTold(part)]))
  const format = formats[told.format as keyof typeof formats]
  return { ...told, ...format?.openapi } as Schema
}

/** What the code of a route asks of these, which reads them itself. */
const toldHeaders: Record<string, object> = {
  'if-match': { pattern: entityTags, examples: ['*'] },
  'if-none-match': { pattern: entityTags, examples: ['"99"'] },
  'idempotency-key': { minLength: 1, maxLength: 255 },
}
function withHeadersTold(headers: TObject): TObject {
  const told = Object.entries(headers.properties).map(([name, schema]) => [name, { ...schema, ...toldHeaders[name] }])
  return { ...headers, properties: Object.fromEntries(told) }
}

/** Of what a request holds. An answer may hold what other doors let in. */
const asStrict = ({ body, params, querystring, headers, ...schema }: FastifySchema): FastifySchema => ({
  ...schema,
  ...(headers ? { headers: withHeadersTold(headers as TObject) } : {}),
  ...withFormatsTold({
    ...(body ? { body } : {}),
    ...(params ? { params } : {}),
    ...(querystring ? { querystring } : {}),
  }),
})

interface Operation {
  requestBody?: { required: boolean; content: Record<string, { schema: { type?: string | string[] } }> }
}

/** @fastify/swagger calls every body required; one that may be null may be left out. */
function withOptionalBodies(document: { paths?: object }) {
  for (const { post } of Object.values<{ post?: Operation }>({ ...document.paths })) {
    const type = post?.requestBody?.content['application/json']?.schema.type
    if (post?.requestBody && Array.isArray(type)) post.requestBody.required = !type.includes('null')
  }
  return document
}

const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'A JWT of the issuer that the service believes, or an API key (ino_...)',
  },
} as const

/** A token is asked for only where authentication is on; what it must allow stands here in any case. */
const securityOf = (needs: ReturnType<typeof scopeOf>, asksWhoCalls: boolean) =>
  needs === 'open' ? [] : [{ bearer: [needs] }, ...(asksWhoCalls ? [] : [{}])]

type Responses = Record<string, { description?: string }>

/** An answer that says nothing of itself is called as its status is: `Created`. */
const withDescriptions = (responses: Responses): Responses =>
  Object.fromEntries(
    Object.entries({ ...responses }).map(([status, answer]) => [
      status,
      answer.description ? answer : { ...answer, 'x-response-description': STATUS_CODES[status] },
    ]),
  )

/** What every route may answer stands in no route: the problems that this package throws itself. */
function withCommonProblems(schema: FastifySchema, needs: ReturnType<typeof scopeOf>): FastifySchema {
  const names: ProblemName[] = [
    'invalid-request',
    'bad-url',
    'malformed-http',
    'misdirected-request',
    'overloaded',
    'unavailable',
  ]
  if (schema.body) names.push('malformed-json', 'foreign-origin', 'body-too-large', 'unsupported-media-type')
  if (needs !== 'open') names.push('unauthenticated', 'insufficient-scope', 'auth-unavailable')
  const response = withDescriptions(schema.response as Responses)
  for (const name of names) {
    for (const [status, answer] of Object.entries(answersOf(name))) {
      const own = response[status]
      const told = own?.description?.split(', ') ?? []
      response[status] = { ...answer, ...own, description: [...new Set([...told, name])].join(', ') }
    }
  }
  return { ...schema, response }
}

interface Info {
  title: string
  description: string
  asksWhoCalls: boolean
}

async function pages(app: FastifyInstance, { asksWhoCalls, ...info }: Info): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { ...info, version: '1', license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/', description: 'Where this was read' }],
      security: [],
      components: { securitySchemes },
    },
    transform({ schema, url, route }) {
      if (!schema || schema.hide) return { url, schema }
      const needs = scopeOf(String(route.method), url)
      const told = asStrict(withCommonProblems(withOptionalDefaults(schema), needs))
      return { url, schema: { ...told, security: securityOf(needs, asksWhoCalls) } }
    },
  })
  let document: object | undefined
  app.get('/openapi.json', { schema: { hide: true } }, async () => {
    document ??= withComponents(withOptionalBodies(app.swagger()))
    return document
  })
  await app.register(async (scope) => {
    // As a text the script, 5 MB that anybody may ask for, would be encoded anew for each answer, and kept for each who does
    // not read theirs.
    let script: Buffer | undefined
    scope.addHook('onSend', async (request, _reply, payload) => {
      if (typeof payload !== 'string' || !request.routeOptions.url?.endsWith('.js')) return payload
      script ??= Buffer.from(payload)
      return script
    })
    await scope.register(scalar, {
      routePrefix: '/docs',
      hooks: {
        onRequest: (_request, reply, done) => {
          reply.header('content-security-policy', contentSecurityPolicy)
          done()
        },
      },
      configuration: { url: '/openapi.json', withDefaultFonts: false, telemetry: false, agent: { disabled: true } },
    })
  })
}

export const docs = fastifyPlugin(pages)
