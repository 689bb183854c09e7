// An OpenAPI document as far as the tests read it, and the requests that its examples make.
import assert from 'node:assert/strict'
import type { Stack } from '@inorder/testing/stack.ts'
import { type Request, send } from './http.ts'

interface Schema {
  type?: unknown
  maximum?: unknown
}

interface Media {
  schema: { $ref?: string }
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

export interface Operation {
  operationId?: string
  tags?: string[]
  parameters?: { name: string; in: string; required?: boolean; example?: unknown }[]
  requestBody?: { required: boolean; content: Record<string, Media> }
  responses: Record<string, { content?: Record<string, Media> }>
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

export async function openApiOf(stack: Stack, service: string): Promise<OpenApi> {
  const answer = await send(`${stack.url(service)}/openapi.json`)
  assert.equal(answer.status, 200, answer.text)
  return answer.json<OpenApi>()
}

export const operationsOf = ({ paths }: OpenApi) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )

/** All schemas of what an operation takes, those within others too. */
export function* takenBy({ parameters = [], requestBody }: Operation, { components }: OpenApi): Generator<Schema> {
  function* within(value: unknown): Generator<Schema> {
    if (typeof value !== 'object' || value === null) return
    const { $ref } = value as { $ref?: string }
    if ($ref) yield* within(components.schemas[$ref.replace('#/components/schemas/', '')])
    yield value
    for (const inner of Object.values(value)) yield* within(inner)
  }
  yield* within([parameters, requestBody?.content])
}

/** The requests that the examples of an operation make: one for each example of its body. */
export function exampleRequests(path: string, method: string, operation: Operation): [path: string, Request][] {
  const { parameters = [], requestBody } = operation
  const values = (place: string) =>
    parameters
      .filter((parameter) => parameter.in === place && (parameter.required || parameter.example !== undefined))
      .map(({ name, example }): [string, string] => {
        assert.ok(example !== undefined, `${method} ${path}: no example of ${name}`)
        return [name, String(example)]
      })
  let filled = path
  for (const [name, value] of values('path')) filled = filled.replace(`{${name}}`, encodeURIComponent(value))
  const query = new URLSearchParams(values('query')).toString()
  const headers = Object.fromEntries(values('header'))
  return bodiesOf(requestBody).map((body) => [`${filled}${query && `?${query}`}`, { method, headers, body }])
}

function bodiesOf(requestBody: Operation['requestBody']): unknown[] {
  if (!requestBody) return [undefined]
  const { example, examples = {} } = requestBody.content['application/json'] ?? assert.fail('a body that is no JSON')
  const bodies = [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)]
  assert.ok(bodies.length > 0, 'a body without an example')
  return bodies
}
