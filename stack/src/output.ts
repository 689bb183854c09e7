// What the user sees: a line for each thing that happened, with the seconds since the start.
const begin = performance.now()

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

/** Seconds since the starter began, as text. */
export const sinceStart = (): string => seconds(performance.now() - begin)

export function say(line: string): void {
  process.stdout.write(`${sinceStart().padStart(7)}  ${line}\n`)
}

/** Does the work and says what it took. A slow one says every 10 s that it is still at it. */
export async function step<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const started = performance.now()
  const patience = setInterval(() => say(`${what}: still at it`), 10_000)
  try {
    const result = await work()
    say(`${what} (${seconds(performance.now() - started)})`)
    return result
  } finally {
    clearInterval(patience)
  }
}
