// PostgreSQL refuses to run as root.
import { execFileSync } from 'node:child_process'
import { chownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { StartFailure } from './failure.ts'
import type { Command } from './part.ts'
import { run, ToolFailed } from './tool.ts'

/**
 * The command, so that it does not run as root: under a user namespace (it keeps its pid, needs no account and reaches
 * a 0700 folder), else as the user `postgres`, who is then given the folders of `data` that are PostgreSQL's.
 */
export async function unprivileged(command: Command, data: string, stopping: AbortSignal): Promise<Command> {
  if (process.getuid?.() !== 0) return command
  const inNamespace = { ...command, file: 'unshare', args: ['-U', '--map-user=1000', '--map-group=1000', command.file] }
  if (await works(inNamespace, stopping)) return { ...inNamespace, args: [...inNamespace.args, ...command.args] }
  const asPostgres = { ...command, ...postgresUser() }
  if (asPostgres.uid && (await works({ ...asPostgres, args: [] }, stopping))) {
    for (const folder of readdirSync(data).filter((name) => name.startsWith('postgres')))
      chownTree(join(data, folder), asPostgres)
    return asPostgres
  }
  throw new StartFailure(
    'PostgreSQL does not run as root, and neither unshare nor a user "postgres" can run it here: start as another user, or give a server with DATABASE_URL',
  )
}

async function works(command: Command, stopping: AbortSignal): Promise<boolean> {
  try {
    await run({ ...command, args: [...command.args, '--version'] }, stopping)
    return true
  } catch (error) {
    if (error instanceof ToolFailed) return false
    throw error
  }
}

function postgresUser(): { uid?: number; gid?: number } {
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: 'pipe' }))
    return { uid: id('-u'), gid: id('-g') }
  } catch (error) {
    if ((error as { status?: number }).status === undefined) throw error
    return {}
  }
}

function chownTree(path: string, { uid = 0, gid = 0 }: { uid?: number; gid?: number }): void {
  chownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    chownSync(join(entry.parentPath, entry.name), uid, gid)
  }
}
