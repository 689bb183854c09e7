// Prometheus' text format, as far as the charts need it.
const line = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g

type Labels = Record<string, string>
interface Sample {
  labels: string
  value: number
}

export interface Samples {
  /** Of all samples of this name whose labels are so; null: there are none. */
  sum(name: string, labels?: Record<string, string | RegExp>): number | null
  /** Of a histogram's observations whose labels are so; null: there are none. */
  count(name: string, labels: Record<string, string | RegExp>): number | null
  /** Of a histogram, over all its labels: cumulative counts by upper bound. */
  buckets(name: string): Map<number, number>
}

/** Labels are read when they are asked for: of some thousand lines a few are. */
export function samplesOf(text: string): Samples {
  const byName = new Map<string, Sample[]>()
  for (const row of text.split('\n')) {
    if (!row.startsWith('inorder_')) continue
    const [, name, labels = '', value] = line.exec(row) ?? []
    if (!name) continue
    const samples = byName.get(name)
    const sample = { labels, value: Number(value) }
    if (samples) samples.push(sample)
    else byName.set(name, [sample])
  }
  const matching = (name: string, wanted: Record<string, string | RegExp>) =>
    (byName.get(name) ?? []).filter(({ labels }) => {
      const has = labelsOf(labels)
      return Object.entries(wanted).every(([name, value]) =>
        typeof value === 'string' ? has[name] === value : value.test(has[name] ?? ''),
      )
    })
  const sum: Samples['sum'] = (name, labels = {}) => {
    const samples = matching(name, labels)
    return samples.length === 0 ? null : samples.reduce((sum, { value }) => sum + value, 0)
  }
  return {
    sum,
    count: (name, labels) => sum(`${name}_count`, labels),
    buckets(name) {
      const counts = new Map<number, number>()
      for (const { labels, value } of byName.get(`${name}_bucket`) ?? []) {
        const { le = '' } = labelsOf(labels)
        const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)
        counts.set(bound, (counts.get(bound) ?? 0) + value)
      }
      return counts
    },
  }
}

const labelsOf = (text: string): Labels =>
  Object.fromEntries([...text.matchAll(label)].map(([, name = '', value = '']) => [name, value]))
