import { requestIdHeader, type Trail } from '../kafka/trail.ts'

// Headers rest in the outbox as JSON: text as it is, bytes (those of records we only pass on) as base64.
type Stored = Record<string, string | { base64: string }>

export function encodeHeaders(headers: Readonly<Record<string, string | Buffer>>): string {
  // A header may be called __proto__.
  const stored: Stored = Object.create(null)
  for (const [name, value] of Object.entries(headers))
    stored[name] = typeof value === 'string' ? value : { base64: value.toString('base64') }
  return JSON.stringify(stored)
}

export function decodeHeaders(stored: string): Map<Buffer, Buffer> {
  const headers = new Map<Buffer, Buffer>()
  for (const [name, value] of Object.entries<string | { base64: string }>(JSON.parse(stored))) {
    if (typeof value === 'string') {
      const { nameBytes, bytes } = textHeader(name, value)
      headers.set(nameBytes, bytes)
    } else headers.set(Buffer.from(name), Buffer.from(value.base64, 'base64'))
  }
  return headers
}

/** Of encoded headers. */
export function storedTrail(stored: string): Trail {
  const headers = JSON.parse(stored)
  return { requestId: textOf(headers[requestIdHeader]), traceparent: textOf(headers.traceparent) }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)

interface TextHeader {
  nameBytes: Buffer
  text: string
  bytes: Buffer
}

/** By name, what it was last: half of the headers of our records never change. Names of foreign records may be any. */
const last = new Map<string, TextHeader>()
const maxNames = 100

function textHeader(name: string, text: string): TextHeader {
  const known = last.get(name)
  if (known?.text === text) return known
  const header = { nameBytes: known?.nameBytes ?? Buffer.from(name), text, bytes: Buffer.from(text) }
  if (known || last.size < maxNames) last.set(name, header)
  return header
}
