import { sqlState } from './sqlstate.ts'

/** By SQLSTATE: what somebody has to mend, and where. */
const ofTheServer: Record<string, string> = {
  '28P01': 'it refuses the password: mend DATABASE_URL or PGPASSWORD',
  '28000': 'it lets nobody in by this way: mend the user, or sslmode and what belongs to it, in DATABASE_URL',
  '3D000': 'it has no such database: mend DATABASE_URL',
  '42501': 'the role of DATABASE_URL lacks a right: see deploy/postgres, and MIGRATE=off where it owns nothing',
}

/** By Node's code of the error of a handshake. */
const ofTheHandshake: [RegExp, string][] = [
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another host than DATABASE_URL names'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*|CERT_.*)$/,
    'its certificate is not trusted: mend sslrootcert in DATABASE_URL',
  ],
  [/^ERR_SSL_/, 'it refuses the certificate of this client: mend sslcert and sslkey in DATABASE_URL'],
]

const withoutTls = 'The server does not support SSL connections'

/**
 * Why waiting does not help, in words that name the setting; undefined where it may help, or where nothing is known. It is
 * shown to anybody in /health/ready, so that of a server's error it holds the SQLSTATE alone: the message names roles,
 * databases and addresses.
 */
export function databaseDenial(error: unknown): string | undefined {
  if (error instanceof AggregateError) return error.errors.map(databaseDenial).find(Boolean)
  if (!(error instanceof Error)) return undefined
  const denied = (why: string, detail: string) => `PostgreSQL does not let us in: ${why} (${detail})`
  const state = sqlState(error)
  if (state !== undefined) {
    const why = ofTheServer[state]
    return why && denied(why, `SQLSTATE ${state}`)
  }
  if (error.message === withoutTls) return denied('it has no TLS: mend sslmode in DATABASE_URL', 'no TLS')
  const { code = '' } = error as NodeJS.ErrnoException
  const handshake = ofTheHandshake.find(([pattern]) => pattern.test(code))
  return handshake && denied(handshake[1], code)
}
