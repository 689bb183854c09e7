// From a database's URL to what `pg` is told. `sslmode` and what belongs to it mean what libpq says; pg reads them otherwise.
import { connect } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'
import { renewedContext } from './renewed-context.ts'
import { badConfig, certificatesOf, contentOf, renewedSecret } from './settings.ts'

const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const parameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey']
const connectDeadlineMs = 1_000

type Connection = pg.ClientConfig & { Client?: new () => pg.Client }

/** Throws BadConfig, in words that hold nothing of the URL but the names of its parameters. */
export function connectionOf(url: string, env: NodeJS.ProcessEnv = process.env): Connection {
  const target = URL.parse(url)
  const given = Object.fromEntries(
    parameters.map((name) => [name, target?.searchParams.get(name) || env[`PG${name.toUpperCase()}`] || undefined]),
  )
  for (const name of parameters) target?.searchParams.delete(name)
  const config = parseIntoClientConfig(target?.href ?? url)
  const password = config.password ? undefined : renewedSecret(env, 'PGPASSWORD')
  return {
    ...config,
    ...ofTls(given, config),
    // Read for each session: it may have been mended.
    ...(password?.() !== undefined && { password: () => password() ?? '' }),
  }
}

/** A client that is no pool's. */
export const clientOf = (url: string, options: pg.ClientConfig): pg.Client => {
  const { Client = pg.Client, ...connection } = connectionOf(url)
  return new (Client as typeof pg.Client)({ ...options, ...connection })
}

function ofTls(given: NodeJS.ProcessEnv, { host = '', ssl }: pg.ClientConfig): Pick<Connection, 'ssl' | 'Client'> {
  const { sslmode: mode, sslrootcert, sslcert, sslkey } = given
  // pg's own parameter, for who uses it.
  if (mode === undefined) return { ssl: ssl ?? false }
  if (!modes.includes(mode)) badConfig(`sslmode of the database's URL must be one of ${modes.join(', ')}`)
  if (Boolean(sslcert) !== Boolean(sslkey)) badConfig("sslcert and sslkey of the database's URL belong together")
  // As libpq: a socket's file is for this machine alone.
  if (mode === 'disable' || host.startsWith('/')) return { ssl: false }
  const ownCa = sslrootcert !== undefined && sslrootcert !== 'system'
  if (mode === 'verify-ca' && !ownCa) badConfig("sslmode=verify-ca of the database's URL needs sslrootcert")
  const read = () => ({
    ...(ownCa && { ca: certificatesOf(given, 'sslrootcert') }),
    ...(sslcert && { cert: contentOf(given, 'sslcert'), key: contentOf(given, 'sslkey') }),
  })
  const tls: ConnectionOptions = renewedContext("sslcert and sslkey of the database's URL", read)
  if (mode === 'allow' || mode === 'prefer')
    return { ssl: Object.assign(tls, { rejectUnauthorized: false }), Client: WhereOffered }
  if (mode === 'require' && !ownCa) return { ssl: Object.assign(tls, { rejectUnauthorized: false }) }
  if (mode === 'verify-full') return { ssl: tls }
  return { ssl: Object.assign(tls, { checkServerIdentity: () => undefined }) }
}

/** `prefer` and `allow`: TLS where the server has it. pg takes a server's no for an error. */
class WhereOffered extends pg.Client {
  override connect(): Promise<pg.Client>
  override connect(callback: (error: Error) => void): void
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | undefined {
    const connected = isOffered(this.host, this.port).then((offered) => {
      if (!offered) for (const one of [this, this.connection]) Object.assign(one, { ssl: false })
      return super.connect()
    })
    if (!callback) return connected
    connected.then(() => callback(null as never), callback)
    return undefined
  }
}

const requestForTls = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

function isOffered(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: connectDeadlineMs }, () => socket.write(requestForTls))
    socket.once('data', (answer) => {
      resolve(answer.toString('latin1', 0, 1) === 'S')
      socket.destroy()
    })
    socket.once('timeout', () => socket.destroy(new Error('timeout expired')))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('Connection terminated unexpectedly')))
  })
}
