import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { logOf } from '../part.ts'
import { endedSince, partitionsGoOn, readProcess, readStanding, serviceAnswers } from './service-checks.ts'

type Context = { after(end: () => void): void }

const listening = (t: Context, answers: boolean) =>
  answering(t, (url) => (answers ? [url === '/health/live' ? 200 : 404, ''] : undefined))

async function answering(t: Context, answer: (url?: string) => [number, string] | undefined): Promise<string> {
  const server = createServer(({ url }, response) => {
    const [status, body] = answer(url) ?? []
    if (status !== undefined) response.writeHead(status).end(body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a process that hangs is named with its id, its log and what to do; one that answers is right', async (t) => {
  const url = await listening(t, false)
  const hung = await readProcess({ name: 'shipping', url, pid: 17, log: '.local/logs/shipping.log' })
  assert.deepEqual(serviceAnswers.judge(hung), {
    verdict: 'wrong',
    found: `${url}: no answer within 2 s; its process is 17`,
    mend: 'tail -n 20 .local/logs/shipping.log\nkill -9 17   # npm start starts it again at once\ndocs/runbooks/down.md says what to look for',
  })
  const well = await readProcess({ name: 'cart', url: await listening(t, true), pid: 18 })
  assert.equal(serviceAnswers.judge(well).verdict, 'right')
  const elsewhere = serviceAnswers.judge(await readProcess({ name: 'order', url: 'http://127.0.0.1:1' }))
  assert.deepEqual([elsewhere.verdict, elsewhere.found], ['wrong', 'http://127.0.0.1:1: ECONNREFUSED'])
  assert.match(elsewhere.mend ?? '', /^start it again, or mend ORDER_URL\n/)
})

test('partitions that stand still are named, with the line of the log that has the cause; what else is missing is not', async (t) => {
  const missing = ['kafka', 'partition order-events/3 (retried for 24 s)', 'records of order-events/1']
  const url = await answering(t, () => [503, JSON.stringify({ missing })])
  const { verdict, found, mend } = partitionsGoOn.judge(await readStanding({ name: 'order', url, log: 'order.log' }))
  assert.deepEqual([verdict, found], ['wrong', missing.slice(1).join(', ')])
  assert.match(
    mend ?? '',
    /^grep .* order\.log .*\ndocs\/runbooks\/inbox-stalled\.md, docs\/runbooks\/records-lost\.md/,
  )
  const well = await answering(t, () => [503, JSON.stringify({ missing: ['kafka'] })])
  assert.equal(partitionsGoOn.judge(await readStanding({ name: 'order', url: well })).verdict, 'right')
})

test('of a stack that runs, what has ended is known by what it has said since the start', async () => {
  const data = mkdtempSync(join(tmpdir(), 'inorder-ended-'))
  mkdirSync(join(data, 'logs'))
  const write = (path: string, seconds: number) => {
    writeFileSync(path, '')
    utimesSync(path, seconds, seconds)
  }
  write(logOf(data, 'shipping'), 200)
  assert.deepEqual(endedSince(data, ['shipping']), [], 'no stack runs')
  write(join(data, 'starter.lock'), 100)
  write(logOf(data, 'billing'), 50)
  const [shipping, ...others] = endedSince(data, ['shipping', 'billing', 'order'])
  assert.deepEqual([shipping, others], [{ name: 'shipping', log: logOf(data, 'shipping') }, []])
  assert.match(serviceAnswers.judge(await readProcess(shipping!)).found, /^it ends again and again/)
})
