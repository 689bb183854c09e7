// By what an event is followed through the logs and traces of all services: headers of its record, by which nothing is decided.
import { isUtf8 } from 'node:buffer'
import type { SourceRecord } from './record.ts'

export const requestIdHeader = 'inorder-request-id'
/** Who asked for the change, as the service that made it has authenticated them. */
export const actorHeader = 'inorder-actor'

export interface Trail {
  /** Of the request that made the event. */
  readonly requestId?: string | null | undefined
  /** W3C trace context. */
  readonly traceparent?: string | null | undefined
}

/** Anybody may have written a record: what does not have its form counts as absent. */
export const trailOf = (record: SourceRecord | undefined): Trail => ({
  requestId: headerOf(record, requestIdName, /^[\w.:/+=-]{1,128}$/),
  traceparent: traceparentOf(record),
})

export const traceparentOf = (record: SourceRecord | undefined): string | undefined =>
  headerOf(record, traceparentName, traceparentForm)

export const traceparentForm = /^00-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

/** The trace's id: the second part of a traceparent. */
export const traceIdOf = (traceparent: Trail['traceparent']): string | undefined => traceparent?.slice(3, 35)

/** Who asked for the change; undefined where nobody was authenticated. */
export function actorOf(record: SourceRecord | undefined): string | undefined {
  const value = bytesOf(record, actorName)
  if (!value || value.length > longestActor || !isUtf8(value)) return undefined
  const text = value.toString()
  return /^\P{Cc}{1,255}$/u.test(text) ? text : undefined
}

const requestIdName = Buffer.from(requestIdHeader)
const traceparentName = Buffer.from('traceparent')
const actorName = Buffer.from(actorHeader)
const longestValue = 128
/** 255 characters, of 4 bytes at most. */
const longestActor = 1_020

function headerOf(record: SourceRecord | undefined, name: Buffer, form: RegExp): string | undefined {
  const value = bytesOf(record, name)
  if (!value || value.length > longestValue) return undefined
  const text = value.toString('latin1')
  return form.test(text) ? text : undefined
}

const bytesOf = (record: SourceRecord | undefined, name: Buffer) =>
  record?.headers.find(([key]) => key.length === name.length && key.equals(name))?.[1]
