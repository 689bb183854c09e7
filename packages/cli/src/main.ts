// npx inorder
import { run } from './program.ts'

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.abort())
// `| head` has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const { env, stdin, stdout, stderr } = process
const code = await run(process.argv.slice(2), { env, stdin, stdout, stderr, signal: stopped.signal })
// What stands in a pipe yet is written before the end; a connection that is kept open does not hold it up.
stdout.write('', () => process.exit(code))
