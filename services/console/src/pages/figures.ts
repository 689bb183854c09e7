// The figures of the live charts. However many people look, each service is asked for its metrics once in 5 s; where nobody
// looks, never.
import { consumers, type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import type { Services } from '../services.ts'
import { type Samples, samplesOf } from './prometheus.ts'

const everyMs = 5_000
/** Fifteen minutes. */
const mostKept = 180

/** One moment. Null where it is not known. */
export interface Figures {
  /** Seconds since 1970. */
  at: number
  creates: number | null
  /** ms, over all consumers, of the events since the moment before. */
  p50: number | null
  p99: number | null
  lag: Record<string, number | null>
  outbox: Record<string, number | null>
}

type Scrape = { at: number; of: Map<ServiceName, Samples> }

export class FiguresPoller {
  readonly #services: Services
  readonly #viewers = new Set<(figures: Figures[]) => void>()
  #kept: Figures[] = []
  #before: Scrape | undefined
  #asks = false
  #timer: NodeJS.Timeout | undefined

  constructor(services: Services) {
    this.#services = services
  }

  /** `tell` gets what is kept at once, and then each new moment. Returns what ends it. */
  watch(tell: (figures: Figures[]) => void): () => void {
    this.#viewers.add(tell)
    if (this.#kept.length > 0) tell(this.#kept)
    if (!this.#asks) void this.#ask()
    return () => {
      this.#viewers.delete(tell)
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#viewers.clear()
  }

  /** The next question waits for the answers to this one: whoever is slow is not asked twice. */
  async #ask(): Promise<void> {
    this.#asks = true
    const begun = Date.now()
    const answers = await Promise.all(
      serviceNames.map(async (service) => [service, await this.#services.ask({}, service, '/metrics')] as const),
    )
    const of = answers.flatMap(([service, answer]) =>
      answer.reachable && answer.status === 200 ? [[service, samplesOf(String(answer.body))] as const] : [],
    )
    const now: Scrape = { at: begun / 1_000, of: new Map(of) }
    const figures = figuresOf(now, this.#before)
    this.#before = now
    this.#kept = [...this.#kept, figures].slice(-mostKept)
    for (const tell of this.#viewers) tell([figures])
    if (this.#viewers.size > 0) this.#timer = setTimeout(() => void this.#ask(), begun + everyMs - Date.now())
    else {
      // Who looks again later sees no line drawn over the time in which nobody asked.
      this.#asks = false
      this.#before = undefined
      this.#kept = []
    }
  }
}

const created = (samples: Samples | undefined) =>
  samples?.count('inorder_http_request_duration_seconds', { route: '/create-order', status: /^20[12]$/ }) ?? null

/** How much a counter has grown; null where the process has begun anew, or one of the two is not known. */
const grown = (now: number | null | undefined, before: number | null | undefined): number | null =>
  now === null || now === undefined || before === null || before === undefined || now < before ? null : now - before

export function figuresOf(now: Scrape, before: Scrape | undefined): Figures {
  const seconds = before ? now.at - before.at : 0
  const creates = grown(created(now.of.get('cart')), created(before?.of.get('cart')))
  const buckets = new Map<number, number>()
  for (const service of consumers) {
    const [to, from] = [now, before].map((scrape) =>
      scrape?.of.get(service)?.buckets('inorder_inbox_end_to_end_seconds'),
    )
    for (const [bound, count] of to ?? []) {
      const more = from && grown(count, from.get(bound) ?? 0)
      if (typeof more === 'number') buckets.set(bound, (buckets.get(bound) ?? 0) + more)
    }
  }
  const ofEach = (services: readonly ServiceName[], name: string) =>
    Object.fromEntries(services.map((service) => [service, now.of.get(service)?.sum(name) ?? null]))
  return {
    at: now.at,
    creates: creates === null || seconds <= 0 ? null : creates / seconds,
    p50: quantile(buckets, 0.5),
    p99: quantile(buckets, 0.99),
    lag: ofEach(consumers, 'inorder_inbox_lag_events'),
    outbox: ofEach(serviceNames, 'inorder_outbox_waiting_rows'),
  }
}

/** In ms, linear within its bucket, as Prometheus' histogram_quantile: of cumulative counts by upper bound in seconds. */
export function quantile(buckets: ReadonlyMap<number, number>, q: number): number | null {
  const bounds = [...buckets.keys()].sort((a, b) => a - b)
  const total = buckets.get(Number.POSITIVE_INFINITY) ?? 0
  if (total === 0) return null
  const rank = q * total
  let [below, lower] = [0, 0]
  for (const bound of bounds) {
    const count = buckets.get(bound)!
    if (count >= rank && count > below) {
      if (bound === Number.POSITIVE_INFINITY) return lower * 1_000
      return (lower + ((bound - lower) * (rank - below)) / (count - below)) * 1_000
    }
    ;[below, lower] = [count, bound]
  }
  return lower * 1_000
}
