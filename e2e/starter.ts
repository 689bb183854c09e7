// `npm start` and its relatives as a user runs them, and a look at what is left of them.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { processesOf } from '@inorder/testing/leftovers.ts'
import { cleanEnvironment, type Part } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'

export const root = join(import.meta.dirname, '..')
export const npmStart = ['npm', 'start']
/** The same without npm and its shell: the signal goes to the bootstrap. */
export const bootstrap = [process.execPath, 'stack/bootstrap.js', 'stack/src/start.ts']
/** The starter itself. */
export const starter = [process.execPath, 'stack/src/start.ts']
/**
 * npm start in a terminal of its own: what is written to stdin is typed, `\x03` is Ctrl-C. `exec`, because a plain sh
 * between the two would take the Ctrl-C as well and end with 130.
 */
export const inTerminal = ['script', '-qefc', 'exec npm start', '/dev/null']

export class Launched {
  readonly child: ChildProcess
  readonly lines: string[] = []
  /** Marks all processes below, whoever started them. */
  private readonly folder = mkdtempSync(join(tmpdir(), 'inorder-launched-'))
  private readonly data: string
  private readonly closed: Promise<unknown>
  private addresses: string[] = []

  constructor([file = '', ...args]: string[], env: Record<string, string>) {
    this.data = env.INORDER_DATA ?? ''
    const whole = { ...cleanEnvironment(), npm_config_update_notifier: 'false', ...env, TMPDIR: this.folder }
    this.child = spawn(file, args, { cwd: root, env: whole, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.lines.push(line))
    }
    this.closed = once(this.child, 'close')
  }

  get output(): string {
    return this.lines.join('\n')
  }

  stackFile(): { starter: number; parts: Part[] } {
    return JSON.parse(readFileSync(join(this.data, 'stack.json'), 'utf8'))
  }

  part(part: string): Part {
    return this.stackFile().parts.find(({ name }) => name === part) ?? assert.fail(`${part} does not run`)
  }

  pid(part: string): number {
    return this.part(part).pid
  }

  async line(pattern: RegExp): Promise<string> {
    const ended = () => this.child.exitCode !== null || this.child.signalCode !== null
    await until(`a line like ${pattern}`, () => this.lines.some((line) => pattern.test(line)) || ended(), 240_000)
    return this.lines.find((line) => pattern.test(line)) ?? assert.fail(`it ended without ${pattern}:\n${this.output}`)
  }

  /** The `ready` line. */
  async ready(): Promise<string> {
    const line = await this.line(/^ready/)
    this.addresses = this.stackFile().parts.map(({ address }) => address)
    return line
  }

  async exitCode(): Promise<number | null> {
    await this.closed
    return this.child.exitCode
  }

  /** That it ends with that code within 10 s, and that no process and no open port is left. */
  async endsCleanly(code: number | null = 0): Promise<void> {
    const begun = performance.now()
    assert.equal(await this.exitCode(), code, this.output)
    assert.ok(performance.now() - begun < 10_000, `it took ${performance.now() - begun} ms to stop`)
    assert.deepEqual(processesOf(this.folder), [])
    for (const address of this.addresses) assert.equal(await isOpen(address), false, `${address} is still open`)
    assert.throws(() => this.stackFile(), { code: 'ENOENT' })
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** For the end of a test that failed half-way. */
  killAll(): void {
    for (const { pid } of processesOf(this.folder)) process.kill(pid, 'SIGKILL')
  }
}

export async function isOpen(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`)
  const socket = connect(Number(port), hostname)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    return false
  } finally {
    socket.destroy()
  }
}
