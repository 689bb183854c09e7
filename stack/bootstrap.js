// node stack/bootstrap.js <script.ts> [arguments]
// Runs a script of this repository from a fresh clone, with whatever Node (18 or later) is there: installs the packages
// if they are not those of the lock file, then runs the script with Node 24, which comes with them.
// Plain JavaScript without dependencies, because it runs before there are any.
import { spawn } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [script = '', ...args] = process.argv.slice(2)
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

let child
let stopSignal

// A child is a process group of its own and gets one signal from us, however often Ctrl-C reaches us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (stopSignal) return
    stopSignal = signal
    child?.kill(signal)
  })
}

class Failure extends Error {}

try {
  if (major < 18) throw new Failure(`Node ${process.versions.node} is too old: install Node 18 or later`)
  // npm runs its scripts with cmd.exe there, and what the starter relies on (signals, process groups, ps) is missing.
  if (process.platform === 'win32') throw new Failure('Windows is not supported: use WSL 2 (Linux) on it')
  await installPackages()
  // Nothing has begun that could be lost: a stack that was asked to stop has stopped, a test run has not passed.
  if (stopSignal) process.exit(script.endsWith('start.ts') ? 0 : 128 + constants.signals[stopSignal])
  process.exit(await run(nodeToUse(), [join(root, script), ...args], ['inherit', 'inherit', 'inherit', 'ipc']))
} catch (error) {
  console.error(error instanceof Failure ? error.message : error)
  process.exit(1)
}

/** Exit code of the command, as a shell would give it. */
function run(file, args, stdio) {
  return new Promise((resolve, reject) => {
    // A third of the start of every process of Node below is compiling what was compiled before.
    const env = { NODE_COMPILE_CACHE: join(root, '.local/compiled'), ...process.env }
    child = spawn(file, args, { cwd: root, env, stdio, detached: true })
    child.once('error', (error) => reject(new Failure(`${file} cannot be run: ${error.message}`)))
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

function nodeToUse() {
  return isNewEnough() ? process.execPath : brought()
}

function isNewEnough() {
  return major > 24 || (major === 24 && minor >= 6)
}

/** The Node 24 that came with the packages; undefined when it is not there. */
function brought() {
  const platform = `${process.platform}-${process.arch}`
  return [`node-${platform}`, `node-bin-${platform}`]
    .map((name) => join(root, 'node_modules', name, 'bin/node'))
    .find((file) => existsSync(file))
}

async function installPackages() {
  if (isInstalled()) return
  const starter = runningStarter()
  if (starter !== undefined)
    throw new Failure(
      `the packages are others than package-lock.json names, and the stack that runs (process ${starter}) uses them: stop it first, and they are installed`,
    )
  const release = await takeLock()
  try {
    if (stopSignal || isInstalled()) return
    console.log('installing packages through npm')
    const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
    // No install scripts: nothing here needs them (stack/src/postgres.ts makes the links that one package's would make).
    const options = [
      'ci',
      '--ignore-scripts',
      '--include=optional',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]
    const code = await run(npm[0], [...npm.slice(1), ...options], 'inherit')
    if (!stopSignal && code !== 0) throw new Failure(`npm ci failed (exit code ${code}): see its message above`)
    if (!stopSignal && !isInstalled())
      throw new Failure(`npm ci brought no Node 24 for ${process.platform} ${process.arch}: install it`)
  } finally {
    release()
  }
}

/**
 * Whether node_modules holds what the lock file asks for. npm writes down what it installed when it has finished, so a
 * comparison of the two needs no stamp of ours, and is right after a `npm install` by hand and after half an install.
 */
function isInstalled() {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  const found = packagesOf(join(root, 'node_modules/.package-lock.json'))
  for (const [path, { version, link, optional, devOptional }] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) continue
    const there = found[path]
    // An optional package that is missing is one of another platform.
    if (!there && (optional || devOptional)) continue
    if (!there || there.version !== version || there.link !== link) return false
  }
  return isNewEnough() || brought() !== undefined
}

/** `npm ci` removes node_modules, also under a stack of this clone that runs. Undefined: none does. */
function runningStarter() {
  try {
    const file = resolve(root, process.env.INORDER_DATA || '.local', 'stack.json')
    const { starter } = JSON.parse(readFileSync(file, 'utf8'))
    return isGone(starter) || isAnother(starter) ? undefined : starter
  } catch {
    // There is none, or what a power cut has left of one.
    return undefined
  }
}

/** A number that was the starter's is another process's by now. Not known where there is no /proc. */
function isAnother(pid) {
  return existsSync('/proc/self') && !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('stack/src/start.ts')
}

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {}
}

/** One install at a time: `npm ci` begins by removing node_modules. Resolves with what gives the lock back. */
async function takeLock() {
  const path = join(root, '.local/npm-ci.lock')
  const mine = `${path}.${process.pid}`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(mine, String(process.pid))
  let told = false
  while (!stopSignal && !canLink(mine, path)) {
    if (!removeIfDead(path, `${mine}.dead`) && !told) console.log(`waiting for another installation (see ${path})`)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  // Touched while we live, so that a lock whose holder died is known even when its pid is in use again.
  const beat = setInterval(() => utimesSync(mine, new Date(), new Date()), 1_000)
  return () => {
    clearInterval(beat)
    if (existsSync(path) && readFileSync(path, 'utf8') === String(process.pid)) rmSync(path)
    rmSync(mine)
  }
}

function canLink(from, to) {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** Whether it is gone. Moved away first and looked at again: since the first look another may have taken it over. */
function removeIfDead(path, aside) {
  try {
    if (!isDead(path)) return false
    renameSync(path, aside)
    if (isDead(aside)) rmSync(aside)
    else renameSync(aside, path)
    return true
  } catch (error) {
    if (error.code === 'ENOENT') return true
    throw error
  }
}

function isDead(path) {
  return Date.now() - statSync(path).mtimeMs > 15_000 || isGone(Number(readFileSync(path, 'utf8')))
}

function isGone(pid) {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    if (error.code === 'EPERM') return false
    if (error.code === 'ESRCH') return true
    throw error
  }
}
