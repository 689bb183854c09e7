import { Gauge, Histogram, type Registry } from 'prom-client'

/** `queued` is asked at each scrape; the histogram is to be told of each group. */
export function groupCommitMetrics(registry: Registry, queued: () => number): Histogram {
  const registers = [registry]
  new Gauge({
    name: 'inorder_group_commit_queue',
    help: 'Writes that wait for a group; a large one counts as several',
    registers,
    collect() {
      this.set(queued())
    },
  })
  return new Histogram({
    name: 'inorder_group_commit_size',
    help: 'Writes of a group, which are one transaction',
    buckets: [1, 3, 10, 30, 100, 300],
    registers,
  })
}
