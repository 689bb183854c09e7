import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type VerdictState, verdictStates } from '@inorder/contracts/timeline.ts'
import { freePort } from '@inorder/testing/ports.ts'
import type { Terminal } from './context.ts'
import { programOf } from './program.ts'
import { answering, inorder } from './terminal.fixture.ts'

const timeline = (orderId: string, state: VerdictState | 'new-in-a-later-release', more: object = {}) => ({
  orderId,
  verdict: {
    state,
    cause: state === 'fine' ? 'none' : 'refused',
    service: state === 'fine' ? null : 'billing',
    since: null,
    sentence: `${orderId} stands.`,
    next: [],
    ...more,
  },
  versions: [
    {
      version: 1,
      status: 'new',
      previousStatus: null,
      occurredAt: '2026-11-23T14:20:19.000Z',
      appliedAt: '2026-11-23T14:20:19.007Z',
      eventId: 'e-1',
      traceId: null,
      actor: '\x1b[31mann',
    },
  ],
  services: {
    order: {
      reachable: true,
      appliedVersion: 1,
      appliedAt: '2026-11-23T14:20:19.007Z',
      status: 'new',
      parked: [],
      effects: [],
    },
    billing: { reachable: false, appliedVersion: null, appliedAt: null, status: null, parked: [], effects: [] },
  },
  outbox: [],
})
const problem = (status: number, name: string, more: object = {}) => ({
  status,
  body: { type: `/problems/${name}`, title: 'A title', status, detail: 'A detail.', requestId: 'r-1', ...more },
})

test("the exit code of why is the verdict's, of a state that is not known too", async (t) => {
  const codes = { fine: 0, moving: 0, held: 2, waiting: 2, unknown: 4, 'new-in-a-later-release': 4 }
  for (const state of [...verdictStates, 'new-in-a-later-release'] as const) {
    const services = await answering(t, () => ({ body: timeline('o-1', state) }))
    for (const command of ['why', 'timeline'])
      assert.equal((await inorder([command, 'o-1'], services.env)).code, codes[state], `${command} ${state}`)
  }
})

test('no such order is 3, no connection 1, another answer than that of a service 1', async (t) => {
  const none = await answering(t, () => problem(404, 'order-not-found'))
  assert.equal((await inorder(['why', 'o-1'], none.env)).code, 3)
  const gone = await answering(t, () => 'nothing')
  const cut = await inorder(['why', 'o-1'], gone.env)
  assert.equal(cut.code, 1)
  assert.match(cut.err, /^inorder: console \(http:\/\/127\.0\.0\.1:\d+\) does not answer: .*\n {2}Is the stack running/)
  const page = await answering(t, () => ({ body: '<html>' }))
  assert.match((await inorder(['why', 'o-1'], page.env)).err, /answers no JSON/)
  const proxy = await answering(t, () => ({ status: 502, headers: { 'content-type': 'text/html' }, body: 'bad' }))
  assert.match((await inorder(['why', 'o-1'], proxy.env)).err, /was answered 502, and not by a service of inorder/)
  const endless = await answering(t, () => ({ body: `"${'x'.repeat(9 * 1024 * 1024)}"` }))
  assert.match((await inorder(['why', 'o-1'], endless.env)).err, /answers more than 8388608 bytes/)
})

test('where an instance does not answer another is asked; a write only if it cannot have arrived', async (t) => {
  const order = { orderId: 'o-1', items: [], totalAmount: 1, currency: 'USD', status: 'new' }
  const services = await answering(t, ({ url }) => ({
    body: url.startsWith('/ops') ? { items: [], next: null } : order,
  }))
  const cutting = await answering(t, () => 'nothing')
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const run = (first: string, ...args: string[]) => inorder(args, { CART_URL: `${first},${services.url}` })
  for (const args of [
    ['create', 'o-1'],
    ['parked', '--service=cart'],
  ])
    assert.equal((await run(nowhere, ...args)).code, 0, args.join(' '))
  assert.equal((await run(cutting.url, 'parked', '--service=cart')).code, 0)
  services.asked.length = 0
  assert.equal((await run(cutting.url, 'create', 'o-1')).code, 1)
  assert.equal(services.asked.length, 0)
})

test('a look waits 3 s for a service that hangs, however many instances of it do, and tells of the others', async (t) => {
  const items = { orderId: 'o-1', items: [], totalAmount: 1, currency: 'USD', status: 'new', next: null }
  const services = await answering(t, () => ({ body: items }))
  const hung = await answering(t, () => 'never')
  const env = { ...services.env, SHIPPING_URL: `${hung.url},${hung.url}/` }
  const begun = performance.now()
  const [status, show] = await Promise.all([inorder(['status'], env), inorder(['show', 'o-1'], env)])
  assert.ok(performance.now() - begun < 6_000)
  assert.match(status.out, /^billing +yes .*\nshipping +no answer /m)
  assert.match(show.out, /^shipping +shipping \(.*\) does not answer: \d\.\d s without an answer$/m)
})

test('what comes back by itself is listed apart, and needs nobody: exit code 0', async (t) => {
  const effect = { key: 'o-1', effect: 'e:0', detail: null, behind: 0, createdAt: '2026-11-23T14:20:19.000Z' }
  const failing = (cause: string) =>
    answering(t, ({ url }) => {
      const items = url.includes('state=failing') ? [{ ...effect, cause, failingSince: null, parkedAt: null }] : []
      return { body: { items, next: null } }
    })
  const carrier = await inorder(['status'], (await failing('status-503')).env)
  assert.equal(carrier.code, 0)
  assert.match(
    carrier.out,
    /needs nobody:\n {2}billing, shipping: 1 order waits for an effect.*status-503.*\nNothing needs someone\.\n$/s,
  )
  const token = await inorder(['status'], (await failing('status-401')).env)
  assert.equal(token.code, 2)
  assert.doesNotMatch(token.out, /needs nobody/)
})

test("an order's id arrives as it is, behind -- and in --key=, whatever it looks like", async (t) => {
  const services = await answering(t, ({ url }) => ({ body: timeline(url, 'fine') }))
  for (const id of ['-x', '--json', '--yes', "it's $(touch x)", 'a/b//c', '?a=1&b=2#c', '__proto__', '-5', 'help'])
    for (const args of [
      ['why', '--', id],
      ['why', `--key=${id}`],
      ['why', '--key', id],
    ]) {
      assert.equal((await inorder(args, services.env)).code, 0, args.join(' '))
      assert.equal(services.asked.at(-1)?.url, `/timeline/${encodeURIComponent(id)}`)
    }
  for (const id of ['.', '..', '']) assert.equal((await inorder(['why', '--', id], services.env)).code, 1)
  const unknown = await inorder(['why', '-x'], services.env)
  assert.deepEqual([unknown.code, unknown.err.includes('goes behind --')], [1, true])
})

test('what was wrong with a request is said with its fields, its id, what to do, and as JSON', async (t) => {
  const errors = [{ field: 'items[0].price', message: 'must\nbe' }]
  const services = await answering(t, () => ({
    ...problem(400, 'invalid-request', { errors }),
    headers: { 'retry-after': '7' },
  }))
  const { code, out, err } = await inorder(['create', 'o-1'], services.env)
  assert.deepEqual([code, out], [1, ''])
  const lines = err.split('\n')
  assert.deepEqual(lines.slice(0, 2), ['inorder: A title: A detail.', '  items[0].price: must\\u{a}be'])
  assert.match(lines[2]!, /^ {2}Correct the fields\./)
  assert.deepEqual(lines.slice(3), [
    '  It can be tried again in 7 s.',
    `  POST ${services.url}/create-order, request r-1`,
    '',
  ])
  const asJson = JSON.parse((await inorder(['create', 'o-1', '--json'], services.env)).err)
  assert.deepEqual([asJson.type, asJson.errors], ['/problems/invalid-request', errors])
})

test('a write without an answer names the key that makes it safe to repeat', async (t) => {
  const services = await answering(t, () => 'nothing')
  const { code, err } = await inorder(['update', 'o-1', 'paid'], services.env)
  const [, key] = /--idempotency-key=(\S+) takes effect once/.exec(err) ?? []
  assert.deepEqual([code, key], [1, services.asked[0]?.headers['idempotency-key']])
})

test('what a create and an update send', async (t) => {
  const order = { orderId: 'o-1', items: [], totalAmount: 1, currency: 'USD', status: 'new' }
  const services = await answering(t, () => ({
    status: 202,
    headers: { etag: '"3"', 'event-delivery': 'pending' },
    body: order,
  }))
  await inorder(['create', 'o-1', '--items=5', '--wait=5', '--strict'], services.env)
  await inorder(['create', '--body=-'], services.env, { stdin: '{"orderId":"o-2","customerId":"c"}' })
  const { out } = await inorder(['update', '--key=-x', 'paid', '--if-version=2', '--json'], services.env)
  const [first, second, third] = services.asked
  assert.deepEqual([first?.body, first?.headers.prefer], ['{"orderId":"o-1","itemsNum":5}', 'wait=5, handling=strict'])
  assert.equal(second?.body, '{"orderId":"o-2","customerId":"c"}')
  assert.deepEqual([third?.body, third?.headers['if-match']], ['{"orderId":"-x","status":"paid"}', '"2"'])
  assert.deepEqual(JSON.parse(out), { order, version: 3, delivery: 'pending' })
})

test('of an event that cannot be read the first 200 bytes are shown as text, without what a terminal obeys', async (t) => {
  const event = { event: 't/3/17', state: 'head', cause: 'undecodable', detail: 'no Avro', version: null, attempts: 1 }
  let value = '\x1b[31mgarbage'
  const services = await answering(t, ({ url }) => {
    const one = { ...event, headers: [], decoded: null, bytes: Buffer.from(value).toString('base64') }
    return { body: { key: 'o-1', appliedVersion: 1, effects: [], events: url.includes('/parked/') ? [one] : [event] } }
  })
  const shownOf = async () =>
    (await inorder(['parked', '--service=order', 'o-1'], services.env)).out.match(/^ {2}event: .*$/m)?.[0]
  assert.equal(await shownOf(), '  event: cannot be read; its 12 bytes: \\u{1b}[31mgarbage')
  value = 'x'.repeat(300)
  assert.equal(await shownOf(), `  event: cannot be read; its first 200 bytes of 300: ${'x'.repeat(200)}`)
})

test('a discard says what was done: an event given up, or versions skipped; a redrive of an effect, that it is tried', async (t) => {
  let answer: object = {}
  const services = await answering(t, ({ url }) =>
    url.includes('/effects/') || url.includes('discard')
      ? { body: { key: 'o-1', ...answer } }
      : problem(404, 'nothing-parked'),
  )
  const out = async (...args: string[]) => (await inorder([...args, '--', 'o-1'], services.env)).out
  const discard = ['discard', '--service=billing', '--event=t/3/17', '--reason=lost']
  answer = { applied: 2, remaining: 0, skipped: [2, 3] }
  assert.equal(
    await out(...discard, '--skip-version'),
    'billing: o-1 goes on without versions 2, 3; nothing was given up, 2 events applied, 0 still parked\n',
  )
  answer = { applied: 1, remaining: 0 }
  assert.equal(await out(...discard), 'billing: given up for o-1; 1 event behind it applied, 0 still parked\n')
  answer = { effects: [{ effect: 'e:0', kind: 'label', state: 'due', cause: null, detail: null }] }
  assert.equal(
    await out('redrive', '--service=shipping'),
    'shipping: tried again now: the label. How it went: inorder why -- o-1\n',
  )
})

test('what the same fault holds up in several services is one line for a person, and one of each service for a program', async (t) => {
  const group = { cause: 'undecodable', detail: 'no Avro', count: 1, oldest: '2026-11-23T14:20:19.000Z' }
  const services = await answering(t, ({ url }) => ({
    body: { items: url.includes('/parked/groups') ? [group] : [], next: null },
  }))
  const { code, out } = await inorder(['status'], services.env)
  assert.deepEqual([code, out.match(/no Avro/g)?.length], [2, 1])
  assert.match(
    out,
    /^1 thing needs someone:\n {2}order, inventory, billing, shipping: 1 order is parked: undecodable: no Avro, since .*\n {6}inorder parked --what=events --cause=undecodable$/m,
  )
  const { needs } = JSON.parse((await inorder(['status', '--json'], services.env)).out)
  assert.deepEqual(
    needs.map(({ service }: { service: string }) => service),
    ['order', 'inventory', 'billing', 'shipping'],
  )
})

test('the audit names INORDER_OPERATOR, else the user, also where no variable says who that is', async (t) => {
  const services = await answering(t, () => ({ body: { items: [], next: null } }))
  const named = async (env: NodeJS.ProcessEnv) => {
    await inorder(['parked', '--service=cart'], { ...services.env, ...env })
    return services.asked.at(-1)?.headers['x-operator']
  }
  assert.equal(await named({ INORDER_OPERATOR: 'ann', USER: 'bob' }), 'ann')
  assert.equal(await named({ USER: 'bob' }), 'bob')
  assert.equal(await named({ USER: '' }), userInfo().username)
})

test('the credential comes from the environment or a file, and goes to no other address', async (t) => {
  const elsewhere = await answering(t, () => ({ body: timeline('o-1', 'fine') }))
  const services = await answering(t, ({ url }) =>
    url.endsWith('moved')
      ? { status: 302, headers: { location: elsewhere.url }, body: '' }
      : { body: timeline('o-1', 'fine') },
  )
  await inorder(['why', 'o-1'], { ...services.env, INORDER_TOKEN: 't-1' })
  const file = join(mkdtempSync(join(tmpdir(), 'inorder-cli-')), 'token')
  writeFileSync(file, 't-2\n')
  await inorder(['why', 'o-1'], { ...services.env, INORDER_TOKEN_FILE: file })
  assert.deepEqual(
    services.asked.map(({ headers }) => headers.authorization),
    ['Bearer t-1', 'Bearer t-2'],
  )
  const both = await inorder(['why', 'o-1'], { ...services.env, INORDER_TOKEN: 't', INORDER_TOKEN_FILE: file })
  assert.deepEqual([both.code, both.err.includes('INORDER_TOKEN and INORDER_TOKEN_FILE are both set')], [1, true])
  assert.equal((await inorder(['why', 'moved'], { ...services.env, INORDER_TOKEN: 't-1' })).code, 1)
  assert.equal(elsewhere.asked.length, 0)
})

test('a write to another machine is not made unasked; a look is, and a dry run', async () => {
  const writes = [
    ['create', 'o-1'],
    ['update', 'o-1', 'paid'],
    ['redrive', 'o-1'],
    ['discard', '--service=order', '--event=e', '--reason=r', 'o-1'],
    ['release', '--reason=r', 'o-1'],
    ['pause', 'o-1'],
    ['resume', '--service=order', '--inbox'],
    ['jobs', '7', '--service=order', '--cancel'],
    ['load', '--seconds=1'],
  ]
  for (const args of writes) {
    const { code, err } = await inorder([...args, '--url=http://192.0.2.1:3000'])
    assert.equal(code, 1, args.join(' '))
    assert.match(err, /which is not this machine\.\n {2}With --yes it is done\./, args.join(' '))
  }
})

test('watch tells what changes, and ends at Ctrl-C', async (t) => {
  const stopped = new AbortController()
  const services = await answering(t, () => {
    if (services.asked.length === 3) stopped.abort()
    return { body: timeline('o-1', services.asked.length < 2 ? 'moving' : 'fine') }
  })
  const args = ['watch', '--json', '--every=0.1', '--', 'o-1']
  const begun = Date.now()
  const { code, out } = await inorder(args, services.env, { signal: stopped.signal })
  const told = out.split('\n').filter(Boolean)
  assert.equal(code, 0)
  assert.deepEqual(
    told.map((line) => JSON.parse(line)).map(({ about, fact }) => [about, fact]),
    [
      ['version 1', 'new'],
      ['order', 'at version 1, new'],
      ['billing', 'does not answer'],
      ['verdict', 'moving: o-1 stands.'],
      ['verdict', 'fine: o-1 stands.'],
    ],
  )
  const [version, order, ...others] = told.map((line) => JSON.parse(line).at)
  assert.deepEqual([version, order], ['2026-11-23T14:20:19.007Z', '2026-11-23T14:20:19.007Z'], 'when it was so')
  assert.ok(others.every((at) => Date.parse(at) >= begun))
})

test('foreign text is escaped wherever it is shown', async (t) => {
  const evil = '\x1b]0;owned\x07\u202e'
  const more = { sentence: evil, event: evil, next: [{ command: `npx inorder why -- '${evil}'`, explains: evil }] }
  const services = await answering(t, () => ({ body: timeline(evil, 'held', more) }))
  for (const command of ['why', 'timeline']) {
    const { out } = await inorder([command, 'o-1'], services.env)
    assert.match(out, /\\u\{1b\}\]0;owned\\u\{7\}\\u\{202e\}/)
    assert.doesNotMatch(out.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  }
})

test('what the verdict advises is called as this command was, and what is no command of it as it is', async (t) => {
  const next = ['inorder watch -- o-1', 'curl -X PUT http://127.0.0.1:3003/stock/pen'].map((command) => ({
    command,
    explains: 'x',
  }))
  const services = await answering(t, () => ({ body: timeline('o-1', 'waiting', { next }) }))
  const { out } = await inorder(['why', 'o-1'], { ...services.env, npm_command: 'exec' })
  assert.match(out, /\bnpx inorder watch -- o-1\n/)
  assert.match(out, /^ +curl -X PUT /m)
})

test('what is to be done in several services is said once, with a command for each; how long is said, not since when twice', async (t) => {
  const next = ['order', 'billing'].map((name) => ({ command: `inorder x --service=${name}`, explains: 'Gives it up' }))
  const more = { service: 'order', since: new Date(Date.now() - 240_000).toISOString(), next }
  const services = await answering(t, () => ({ body: timeline('o-1', 'held', more) }))
  const { out } = await inorder(['why', 'o-1'], services.env)
  assert.match(out, /in the order service\n {2}for: {3}4 min\n/)
  assert.match(out, / {2}inorder x --service=order\n {2}inorder x --service=billing\n {6}Gives it up\n$/)
})

test('a timeline says what was skipped, what the cart did not write and what effects came to', async (t) => {
  const { versions, services: all, ...rest } = timeline('o-1', 'held')
  const [first] = versions
  const foreign = { ...first, version: 4, appliedAt: '2026-11-23T14:22:48.557Z', actor: null }
  const told = {
    ...rest,
    versions: [{ ...first, appliedAt: '2026-11-23T14:22:48.557Z', actor: null }, foreign],
    services: {
      cart: { ...all.order, appliedVersion: 2, appliedAt: null },
      order: { ...all.order, appliedVersion: 4, skipped: [{ from: 2, to: 3 }] },
      billing: { ...all.order, effects: [{ state: 'done', result: 'declined' }, { state: 'due' }] },
    },
  }
  const services = await answering(t, () => ({ body: told }))
  const { out } = await inorder(['timeline', 'o-1'], services.env)
  assert.match(out, /^1 .* 2 min 30 s/m)
  assert.match(out, /^2 to 3 +skipped by hand/m)
  assert.match(out, /^4 +new +not by the cart/m)
  assert.match(out, /1 declined, 1 to do$/m)
  assert.doesNotMatch(out, /\bBY\b/)
})

test('each command has a help with an example, and one is named that is misspelt', async () => {
  const program = programOf({} as Terminal, () => {})
  for (const command of program.commands) {
    const { code, out } = await inorder(['help', command.name()])
    assert.equal(code, 0)
    assert.match(out, /\nExamples:\n {2}npx inorder /, command.name())
    assert.match(out, /--json/, command.name())
  }
  assert.match((await inorder(['staus'])).err, /unknown command 'staus'.*\n?.*status/)
  assert.equal((await inorder([])).code, 1)
  assert.equal((await inorder(['--help'])).code, 0)
})

test('bash completes commands, options and their values', async () => {
  const { out } = await inorder(['completion', 'bash'])
  const complete = (...words: string[]) => {
    const script = `${out}\nCOMP_WORDS=(inorder "$@"); COMP_CWORD=$#; _inorder; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
  }
  assert.deepEqual(complete('red'), ['redrive'])
  assert.deepEqual(complete('redrive', '--ca'), ['--cause', '--canary'])
  assert.deepEqual(complete('redrive', '--service', 'b'), ['billing'])
  assert.deepEqual(complete('redrive', '--service', '=', 'in'), ['inventory'])
  assert.match((await inorder(['completion', 'zsh'])).out, /redrive\) compadd -- .*--canary/)
  assert.match((await inorder(['completion', 'fish'])).out, /seen_subcommand_from redrive' -l canary/)
  assert.equal((await inorder(['completion', 'csh'])).code, 1)
})
