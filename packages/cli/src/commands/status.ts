// Whether anything needs someone: every service at a glance, and then what waits for a person, the oldest first.
import { type Group, type Kind, type Need, needsOf, type Standing, together } from '@inorder/contracts/needs.ts'
import { quoted } from '@inorder/contracts/shell.ts'
import { consumers, type Service, services } from '../addresses.ts'
import { NoAnswer } from '../ask.ts'
import type { Add } from '../command.ts'
import type { Context } from '../context.ts'
import { exitCodes, Failure, Refused } from '../failure.ts'
import { groupsIn } from '../held.ts'
import { count, shown, table, when } from '../text.ts'
import type { Job } from './jobs.ts'
import { positionsOf, totalLag } from './lag.ts'
import { type Pause, pauseTable } from './pauses.ts'

interface ServiceStatus extends Standing {
  /** Null: not known, or the service reads nothing. */
  lag: number | null
  pauses: Pause[]
  jobs: Job[]
}

/** One thing that a person has to see to; where the same is wrong in several services it is one. */
interface Task {
  services: Service[]
  sentence: string
  since: string | null
  command: string
}

export function addStatus(add: Add): void {
  add(
    'status',
    'every service at a glance, and what needs someone (exit code 2: something does)',
    ['status', 'status --json', 'status || echo "look at it"'],
    async (context) => {
      const statuses = await Promise.all(services.map((service) => statusOf(context, service)))
      if (statuses.every(({ reachable }) => !reachable))
        throw new Failure(statuses[0]!.missing.join(), { advice: ['No other service answers either. npm start?'] })
      const needs = tasksIn(statuses)
      const waits = tasksIn(statuses, 'waiting')
      const at = new Date(context.now()).toISOString()
      if (context.json) context.answer({ at, needs: ofServices(needs), waits: ofServices(waits), services: statuses })
      else context.print(...statusLines(statuses, needs, waits, context))
      return needs.length > 0 ? exitCodes.needsSomeone : exitCodes.done
    },
  )
}

export async function statusOf(context: Context, service: Service): Promise<ServiceStatus> {
  const isConsumer = (consumers as readonly Service[]).includes(service)
  const missing = new Set<string>()
  let reachable = true
  /** What cannot be asked is missing, and the rest is told all the same. */
  const or = async <Value>(otherwise: Value, ask: () => Promise<Value>): Promise<Value> => {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      if (error instanceof NoAnswer) reachable = false
      missing.add(error.message)
      return otherwise
    }
  }
  const items = async <Item>(path: string) =>
    isConsumer ? (await context.ask<{ items: Item[] }>(service, path)).body.items : []
  const [notReady, groups, lag, pauses, jobs] = await Promise.all([
    or([], () => missingOf(context, service)),
    or([], async () => (await groupsIn(context, service)).items),
    or(null, async () => (isConsumer ? totalLag(await positionsOf(context, service)) : null)),
    or([], () => items<Pause>('/ops/pauses?limit=1000')),
    or([], () => items<Job>('/ops/jobs?limit=20')),
  ])
  return { service, reachable, missing: [...notReady, ...missing], groups, lag, pauses, jobs }
}

async function missingOf({ ask }: Context, service: Service): Promise<string[]> {
  try {
    await ask(service, '/health/ready')
    return []
  } catch (error) {
    if (!(error instanceof Refused && error.problem === 'not-ready')) throw error
    return (error.document as { missing?: string[] }).missing ?? [error.message]
  }
}

/** For a program: one of each service. */
const ofServices = (tasks: readonly Task[]) =>
  tasks.flatMap(({ services, ...task }) => services.map((service) => ({ service, ...task })))

/** What needs someone, or what comes back by itself. */
export const tasksIn = (statuses: readonly ServiceStatus[], tone: Need['tone'] = 'held'): Task[] =>
  together(needsOf(statuses).filter((need) => need.tone === tone)).map((same) => {
    const [need] = same as [Need]
    const { about, cause, what, detail, since } = need
    const services = same.map(({ service }) => service)
    const isOfGroup = about !== 'service' && about !== 'job'
    const said = cause === 'service-unreachable' ? [] : isOfGroup ? [what, cause] : [what]
    const sentence = [...said, detail].filter(Boolean).join(': ')
    return { services, sentence, since, command: commandFor(need, services) }
  })

function commandFor({ about, cause, job }: Need, services: readonly Service[]): string {
  const [service, ...others] = services
  if (about === 'service') return 'inorder doctor'
  const isOne = others.length === 0
  if (about === 'job') return isOne ? `inorder jobs ${job} --service=${service}` : 'inorder jobs'
  return `inorder parked ${isOne ? `--service=${service} ` : ''}--what=${about} --cause=${quoted(cause)}`
}

function statusLines(
  statuses: readonly ServiceStatus[],
  needs: readonly Task[],
  waits: readonly Task[],
  context: Context,
): string[] {
  const now = context.now()
  const sum = (groups: readonly Group[], what: Kind, failing = false) =>
    groups.reduce((sum, g) => (g.what === what && g.failing === failing ? sum + g.count : sum), 0)
  const rows = statuses.map(({ service, reachable, missing, lag, groups, pauses, jobs }) => [
    service,
    missing.length === 0 ? 'yes' : reachable ? 'no' : 'no answer',
    lag,
    sum(groups, service === 'cart' ? 'orders' : 'events'),
    sum(groups, 'effects'),
    sum(groups, 'effects', true),
    sum(groups, 'set-aside'),
    pauses.length,
    jobs.filter(({ state }) => state === 'running').length,
  ])
  const head = ['SERVICE', 'READY', 'LAG', 'HELD', 'EFFECTS', 'FAILING', 'SET ASIDE', 'PAUSES', 'JOBS']
  const lines = ({ services, sentence, since, command }: Task) => [
    `  ${services.join(', ')}: ${shown(sentence)}${since === null ? '' : `, since ${when(since, now)}`}`,
    `      ${context.paste(command)}`,
  ]
  const pauses = statuses.flatMap(({ service, pauses }) => pauses.map((pause) => ({ service, ...pause })))
  return [
    ...table(head, rows),
    ...(pauses.length === 0 ? [] : ['', ...pauseTable(pauses, now)]),
    ...(waits.length === 0 ? [] : ['', 'Comes back by itself, and needs nobody:', ...waits.flatMap(lines)]),
    '',
    needs.length === 0
      ? context.paint('green', 'Nothing needs someone.')
      : context.paint(['red', 'bold'], `${count(needs.length, 'thing needs', 'things need')} someone:`),
    ...needs.flatMap(lines),
  ]
}
