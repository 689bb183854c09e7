// `npm start`: brings the stack up, stays in the foreground, stops it in order.
import { once } from 'node:events'
import { statfsSync } from 'node:fs'
import { BadConfig } from '@inorder/storage/settings.ts'
import { assertAskable } from './addresses.ts'
import { forgetAccess } from './environment.ts'
import { StartFailure, Stopped } from './failure.ts'
import { makeFolder } from './folder.ts'
import { isAlive } from './identity.ts'
import { takeLock } from './lock.ts'
import { say, sinceStart } from './output.ts'
import { readSettings, type Settings } from './settings.ts'
import { bringUp, webPorts } from './stack.ts'
import { endInOrder, lastProcesses, StackFile } from './stack-file.ts'
import { Supervisor } from './supervisor.ts'

const leastFreeBytes = 500e6

const giveUp = new AbortController()
let failure: unknown

// Ctrl-C reaches us twice (terminal and npm): the first asks for the stop, later ones change nothing.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => giveUp.abort())
// Whoever started us is gone, by kill -9 for example: stop as on SIGHUP.
if (process.connected) process.on('disconnect', () => giveUp.abort())
// Whoever read what we write is gone: stop as on SIGHUP. On a full disk what we would write is lost, and the stack goes on.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') giveUp.abort()
  })
process.on('uncaughtException', (error) => {
  failure ??= error
  giveUp.abort()
})

try {
  const settings = readSettings(process.env, process.argv.slice(2))
  assertAskable(webPorts(settings), settings.offset)
  forgetAccess(process.env, settings.given)
  prepareData(settings)
  const lock = takeLock(settings.data)
  try {
    await runStack(settings)
  } finally {
    lock.release()
  }
} catch (error) {
  failure ??= error
}
if (failure && !(failure instanceof Stopped)) {
  process.stderr.write(`${inOneLine(failure)}\n`)
  process.exitCode = 1
}
process.exit()

async function runStack(settings: Settings): Promise<void> {
  await stopLeftBehind(settings.data)
  const file = new StackFile(settings.data)
  file.write()
  const supervisor = new Supervisor({ data: settings.data, file, stopping: giveUp.signal })
  try {
    const addresses = await bringUp(settings, supervisor, giveUp)
    process.stdout.write(`ready in ${sinceStart()}: ${addresses.join(' · ')}\n`)
    await stopAsked()
  } finally {
    giveUp.abort()
    say('stopping')
    await supervisor.stop()
    say('stopped')
  }
}

async function stopAsked(): Promise<void> {
  if (giveUp.signal.aborted) return
  // With every part given nothing else would keep the process alive.
  const stayAlive = setInterval(() => {}, 60_000)
  await once(giveUp.signal, 'abort')
  clearInterval(stayAlive)
}

/** A starter that was killed leaves its parts running; they are ended as it would have done. */
async function stopLeftBehind(data: string): Promise<void> {
  const processes = lastProcesses(data).filter(isAlive)
  if (processes.length === 0) return
  say(`the last starter was killed: stopping what it left (${processes.map((p) => p.name).join(', ')})`)
  await endInOrder(processes)
}

function prepareData({ data, install }: Settings): void {
  makeFolder(data, 'INORDER_DATA')
  makeFolder(install, 'INORDER_INSTALL')
  const disk = statfsSync(data)
  const free = disk.bavail * disk.bsize
  if (free < leastFreeBytes) {
    throw new StartFailure(
      `only ${Math.floor(free / 1e6)} MB are free where ${data} is, and the stack needs ${leastFreeBytes / 1e6}: free some, or name another folder with INORDER_DATA`,
    )
  }
}

/** A failure of the machine (no access, no space) has a code and a telling message; one of ours needs its stack. */
function inOneLine(error: unknown): string {
  if (error instanceof StartFailure || error instanceof BadConfig) return error.message.replaceAll(/\s*\n\s*/g, ' ')
  if (error instanceof Error) return 'code' in error ? error.message : (error.stack ?? error.message)
  return String(error)
}
