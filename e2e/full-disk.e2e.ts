// A full disk ends parts; it never ends the starter, which brings them back once there is space again.
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freePortOffset } from '@inorder/testing/ports.ts'
import { until } from '@inorder/testing/until.ts'
import { Launched } from './starter.ts'

const folder = mkdtempSync(join(tmpdir(), 'inorder-full-disk-'))
const data = join(folder, 'data')
let stack: Launched | undefined
after(() => {
  stack?.killAll()
  rmSync(folder, { recursive: true, force: true })
})

// A small disk of its own, in a namespace that needs no rights; what the starter prints is on it as well.
const onSmallDisk =
  'mkdir "$0" && mount -t tmpfs -o size=900m none "$0" && exec "$1" stack/src/start.ts >"$0/starter.log" 2>&1'

test('a full disk: what ends is started again once there is space, stack.json is right, and orders are taken', async () => {
  const offset = await freePortOffset()
  const env = { INORDER_DATA: data, INORDER_PORT_OFFSET: String(offset), INORDER_SERVICES: 'cart' }
  const starter = new Launched(['unshare', '-Urm', 'sh', '-c', onSmallDisk, data, process.execPath], env)
  stack = starter
  const disk = `/proc/${starter.child.pid}/root${data}`
  const read = (name: string) => readFileSync(join(disk, name), 'utf8')
  const isRunning = () => starter.child.exitCode === null && starter.child.signalCode === null
  const printed = async (line: RegExp) => {
    const seen = () => {
      assert.ok(isRunning(), `the starter ended: ${starter.output}`)
      return line.test(read('starter.log'))
    }
    await until(`the starter prints ${line}`, async () => seen(), 240_000)
  }
  await until('its disk is there', () => canRead(() => read('starter.log')))
  await printed(/^ready/m)
  const parts = (): { name: string; pid: number }[] => JSON.parse(read('stack.json')).parts
  const before = parts()

  fill(join(disk, 'fill'))
  for (const { pid } of before) process.kill(pid, 'SIGKILL')
  for (const { pid } of before) await until(`process ${pid} has ended`, () => !isAlive(pid))
  rmSync(join(disk, 'fill'))

  await until('stack.json names new processes', () => {
    assert.ok(isRunning(), `the starter ended: ${starter.output}`)
    return parts().length === before.length && parts().every(({ pid }) => before.every((old) => old.pid !== pid))
  })
  await until(
    'an order is taken',
    async () => {
      const body = JSON.stringify({ orderId: `o-${Date.now()}`, itemsNum: 1 })
      const headers = { 'content-type': 'application/json' }
      const url = `http://127.0.0.1:${offset + 3001}/create-order`
      return (await fetch(url, { method: 'POST', headers, body }).catch(() => undefined))?.status === 201
    },
    120_000,
  )
  starter.child.kill('SIGTERM')
  assert.equal(await starter.exitCode(), 0)
})

function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let size = 1 << 20; size >= 1; ) if (!canWrite(file, Buffer.alloc(size))) size >>= 1
  } finally {
    closeSync(file)
  }
}

function canWrite(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    return false
  }
}

function canRead(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
