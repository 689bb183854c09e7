// All that a page can ask a service to change, and where the user is then: what stands here is all that a form can reach.

import { pathOf, queryOf } from '@inorder/contracts/paths.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import type { Operation } from './act.ts'

/** The fields of a form, each once. */
export type Fields = Readonly<Record<string, string>>

export interface Write {
  service: ServiceName
  method: 'POST' | 'PUT'
  path: string
  body: object
  /** Where it can be seen what came of it. */
  seen(answer: unknown): string
}

const given = (value: string | undefined) => value !== undefined && value !== ''

export const operations: Record<Exclude<Operation, 'poison'>, (fields: Fields) => Write> = {
  redrive: (of) => post(of, ['parked', key(of), 'redrive'], {}, toKey(of, { redriven: 1 })),
  discard: (of) =>
    post(of, ['parked', key(of), 'discard'], { event: of.event, reason: of.reason, ...choicesIn(of) }, toKey(of)),
  'effect-redrive': (of) => post(of, ['effects', key(of), 'redrive'], {}, toKey(of)),
  'effect-discard': (of) =>
    post(of, ['effects', key(of), 'discard'], { effect: of.effect, reason: of.reason }, toKey(of)),
  'set-aside-redrive': (of) => post(of, ['set-aside', key(of), 'redrive'], {}, toParked),
  'set-aside-discard': (of) =>
    post(of, ['set-aside', key(of), 'discard'], { event: of.event, reason: of.reason }, toParked),
  'held-release': (of) =>
    post({ ...of, service: 'cart' }, ['held', key(of), 'release'], { reason: of.reason }, toParked),
  'job-begin': (of) =>
    post(
      of,
      ['jobs'],
      {
        type: 'redrive',
        filter: { ...(given(of.cause) && { cause: of.cause }), ...(given(of.detail) && { detail: of.detail }) },
        ...(of.dryRun === 'yes' && { dryRun: true }),
        ...(of.canary === 'yes' && { canary: true }),
      },
      toJob(of),
    ),
  'job-cancel': (of) => post(of, ['jobs', of.id ?? '', 'cancel'], {}, toJob(of)),
  'job-continue': (of) => post(of, ['jobs', of.id ?? '', 'continue'], {}, toJob(of)),
  resume: (of) =>
    post(
      of,
      ['resume'],
      { what: of.what, ...(given(of.kind) && { kind: of.kind }), ...(given(of.key) && { key: of.key }) },
      () => (given(of.key) ? pathOf('orders', key(of)) : '/topics'),
    ),
  create: (of) => ({
    service: 'cart',
    method: 'POST',
    path: '/create-order',
    body: { orderId: of.key, itemsNum: Number(of.itemsNum) },
    seen: () => pathOf('orders', key(of)),
  }),
  update: (of) => ({
    service: 'cart',
    method: 'PUT',
    path: '/update-order',
    body: { orderId: of.key, status: of.status },
    seen: () => pathOf('orders', key(of)),
  }),
}

const key = ({ key = '' }: Fields) => key
const choicesIn = ({ skipVersion, dropWaiting }: Fields) => ({
  ...(skipVersion === 'yes' && { skipVersion: true }),
  ...(dropWaiting === 'yes' && { dropWaiting: true }),
})

function post(of: Fields, path: string[], body: object, seen: Write['seen']): Write {
  return { service: serviceOf(of), method: 'POST', path: pathOf('ops', ...path), body, seen }
}

export function serviceOf({ service }: Fields): ServiceName {
  const found = serviceNames.find((name) => name === service)
  if (!found)
    throw new Problem('route-not-found', `There is no service ${service}; there are ${serviceNames.join(', ')}.`)
  return found
}

/** What came of it, as numbers: a page says no text that stands in its address. */
const toKey =
  (of: Fields, done: { redriven?: 1 } = {}) =>
  (answer: unknown) => {
    const { applied, remaining } = Object(answer) as { applied?: number; remaining?: number }
    return `${pathOf('parked', serviceOf(of), key(of))}${queryOf({ ...done, applied, remaining })}`
  }
const toParked = () => '/parked'
const toJob = (of: Fields) => (answer: unknown) =>
  pathOf('jobs', serviceOf(of), String(Object(answer).id ?? of.id ?? ''))
