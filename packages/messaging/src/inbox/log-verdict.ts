// Rules 13 and 19: what the topic's log, the positions in the database and the stream that is read say of each other.

export interface LogState {
  readonly topicId: string
  /** By partition: where the log starts and ends. */
  readonly starts: readonly bigint[]
  readonly ends: readonly bigint[]
  readonly positions: ReadonlyMap<number, bigint>
}

export interface StreamState {
  readonly topicId: string
  /** How many partitions the topic had when the stream was opened. */
  readonly partitions: number
  /** Where reading of each assigned partition starts, if that was not compared yet. */
  readonly starts: ReadonlyMap<number, bigint> | undefined
  /** How far each assigned partition is read. */
  readonly reached: ReadonlyMap<number, bigint>
  /** Partitions that stand still. */
  readonly stopped: ReadonlySet<number>
}

type LogVerdict =
  /** The stream reads what the positions ask for. */
  | { readonly do: 'ok' }
  /** So it does, but these partitions stand still: records above their positions are gone. */
  | { readonly do: 'stop'; readonly partitions: ReadonlySet<number> }
  /** The stream has to be opened anew at the positions. Those in `cut` are past the end of the log: Kafka lost records. */
  | { readonly do: 'rewind'; readonly why: string; readonly cut: readonly number[] }
  /** The stream is of a topic that is there no more. */
  | { readonly do: 'reopen'; readonly why: string }

export function verdictOf(log: LogState, stream: StreamState): LogVerdict {
  if (log.topicId !== stream.topicId)
    return { do: 'reopen', why: `the topic was ${stream.topicId}, and is ${log.topicId}` }
  const partitions = [...(stream.starts ?? stream.reached).keys()]
  const end = (partition: number) => log.ends[partition] ?? 0n
  const rewind = (why: string, cut: number[] = []): LogVerdict => ({ do: 'rewind', why, cut })

  const cut = partitions.filter((partition) => (log.positions.get(partition) ?? 0n) > end(partition))
  if (cut.length > 0) return rewind('the log is shorter than it was', cut)
  const lost = new Set(
    partitions.filter(
      (partition) => (log.positions.get(partition) ?? startOf(log, partition)) < startOf(log, partition),
    ),
  )
  if (stream.starts) {
    const ahead = [...stream.starts].filter(([partition, start]) => start > rightStart(log, partition))
    if (ahead.length > 0) return rewind(`partitions ${ahead.map(([p]) => p).join(', ')} start ahead of their positions`)
  } else {
    if ([...stream.reached].some(([partition, next]) => next > end(partition)))
      return rewind('the log is shorter than it was')
    if (lost.symmetricDifference(stream.stopped).size > 0) return rewind('other partitions than before lack records')
    if (log.starts.length !== stream.partitions) return rewind(`the topic has ${log.starts.length} partitions now`)
  }
  return lost.size > 0 ? { do: 'stop', partitions: lost } : { do: 'ok' }
}

/** Where a partition has to be read from: its position; the start of the log where that is past it, or past the end. */
export function rightStart(log: LogState, partition: number): bigint {
  const start = startOf(log, partition)
  const position = log.positions.get(partition) ?? start
  return position < start || position > (log.ends[partition] ?? 0n) ? start : position
}

const startOf = ({ starts }: LogState, partition: number): bigint => starts[partition] ?? 0n
