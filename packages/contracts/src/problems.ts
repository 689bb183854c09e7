// Every error a service answers, in one table (RFC 9457). Each has a page, docs/problems/<name>.md, served at its `type`.

export const problems = {
  'bad-url': { status: 400, title: 'The address cannot be read' },
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'malformed-http': { status: 400, title: 'This is not HTTP' },
  'malformed-json': { status: 400, title: 'The body cannot be read as JSON' },
  unauthenticated: { status: 401, title: 'It is not known who calls' },
  'foreign-origin': { status: 403, title: 'A page of another origin sent this' },
  'insufficient-scope': { status: 403, title: 'The caller may not do this' },
  'item-not-found': { status: 404, title: 'There is no such item' },
  'job-not-found': { status: 404, title: 'There is no such job' },
  'nothing-set-aside': { status: 404, title: 'Nothing of this key is set aside' },
  'nothing-parked': { status: 404, title: 'Nothing is parked of this order' },
  'nothing-held': { status: 404, title: 'The order is not held' },
  'order-not-found': { status: 404, title: 'There is no such order' },
  'problem-not-found': { status: 404, title: 'There is no such problem' },
  'route-not-found': { status: 404, title: 'There is nothing at this address' },
  'topic-not-consumed': { status: 404, title: 'This topic is not consumed here' },
  'method-not-allowed': { status: 405, title: 'The address does not know this method' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time' },
  'effect-not-parked': { status: 409, title: 'The effect is not the one that holds its order up' },
  'idempotency-key-in-use': { status: 409, title: 'The first request with this key is still undecided' },
  'illegal-move': { status: 409, title: 'The order cannot go to this status from where it is' },
  'job-running': { status: 409, title: 'Another job runs' },
  'not-the-head': { status: 409, title: 'This event holds nothing up' },
  'nothing-lost': { status: 409, title: 'Nothing of this partition is lost' },
  'not-set-aside': { status: 409, title: 'The event is not the one that is set aside' },
  paused: { status: 409, title: 'An operator has paused this' },
  'record-gone': { status: 409, title: 'The record is no longer in Kafka' },
  'order-exists': { status: 409, title: 'The order exists already' },
  'stock-reserved': { status: 409, title: 'More of the item is reserved than that' },
  'too-many-keys': { status: 409, title: 'More orders than one call redrives' },
  'version-not-skipped': { status: 409, title: 'Its version has to be skipped with it' },
  'version-mismatch': { status: 412, title: 'The order is at another version' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'order-too-large': { status: 413, title: 'The order is too large for an event' },
  'unsupported-media-type': { status: 415, title: 'The body is not application/json' },
  'unknown-expectation': { status: 417, title: 'The request expects what is not known' },
  'misdirected-request': { status: 421, title: 'The service does not answer under this name' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key belongs to another request' },
  'rate-limited': { status: 429, title: 'Too many requests of one address' },
  'headers-too-large': { status: 431, title: 'The headers or the address are too large' },
  'auth-unavailable': { status: 503, title: 'It cannot be checked who calls' },
  'database-away': { status: 503, title: 'The database is away' },
  'kafka-away': { status: 503, title: 'Kafka is away' },
  'not-ready': { status: 503, title: 'The service is not ready' },
  'not-yet-processed': { status: 503, title: 'This version has not been processed yet' },
  'order-locked': { status: 503, title: 'The order is locked in the database' },
  'order-held': { status: 503, title: 'The order is held until an operator decides' },
  'registry-away': { status: 503, title: 'The schema registry is away' },
  overloaded: { status: 503, title: 'The service has more to do than it can take' },
  unavailable: { status: 503, title: 'The service cannot answer this now' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemName = keyof typeof problems

export interface FieldError {
  /** A path such as `items[0].price`. */
  readonly field: string
  readonly message: string
}

interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly errors?: readonly FieldError[]
  /** Further members of the answer. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** What is worth another try says when, in seconds, unless the thrower knows better. */
const retryAfter = { 'retry-after': '1' }

/** Thrown in a route, it is the answer. `detail`, its message, is for a person. */
export class Problem extends Error {
  override readonly name: ProblemName
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly errors: readonly FieldError[] | undefined
  readonly members: Readonly<Record<string, unknown>> | undefined

  constructor(name: ProblemName, detail: string, { headers, errors, members }: ProblemOptions = {}) {
    super(detail)
    this.name = name
    this.status = problems[name].status
    // What is held goes on when an operator has decided: nobody knows when.
    const temporary = (this.status === 503 && name !== 'order-held') || name === 'idempotency-key-in-use'
    this.headers = { ...(temporary && retryAfter), ...headers }
    this.errors = errors
    this.members = members
  }

  get detail(): string {
    return this.message
  }

  /** The answer's body; `instance` is the path that was asked for, `requestId` the request's X-Request-Id. */
  body(instance: string, requestId: string): Record<string, unknown> {
    const { name, status, detail, errors, members } = this
    const { title } = problems[name]
    const type = `/problems/${name}`
    return { type, title, status, detail, instance, requestId, ...(errors && { errors }), ...members }
  }
}
