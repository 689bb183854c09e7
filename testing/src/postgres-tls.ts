// A PostgreSQL of a test that speaks TLS, and whom it lets in.
import { readFileSync } from 'node:fs'
import pg from 'pg'
import type { Certificates } from './certificates.ts'

/** Until the server has read its settings again, a moment later, nothing has changed. `rules` of pg_hba.conf come before its own. */
export async function speakTls(
  server: pg.Client,
  certificates: Pick<Certificates, 'ca' | 'server'>,
  rules: string,
): Promise<void> {
  const prepend = '{ cat; cat pg_hba.conf; } > pg_hba.new && mv pg_hba.new pg_hba.conf'
  await writeFile(server, 'server.key', readFileSync(certificates.server.key, 'utf8'))
  await writeFile(server, 'server.crt', readFileSync(certificates.server.cert, 'utf8'))
  await writeFile(server, 'clients.pem', readFileSync(certificates.ca, 'utf8'))
  await writeFile(server, 'pg_hba.conf', rules, prepend)
  for (const setting of ["ssl_ca_file = 'clients.pem'", 'ssl = on']) await server.query(`ALTER SYSTEM SET ${setting}`)
  await server.query('SELECT pg_reload_conf()')
}

/** Written by the server, as it must own them. */
async function writeFile(server: pg.Client, name: string, content: string, command = `umask 077; cat > ${name}`) {
  const lines = content.trim().split('\n').map(pg.escapeLiteral).join('), (')
  await server.query(`COPY (SELECT * FROM (VALUES (${lines})) AS lines) TO PROGRAM ${pg.escapeLiteral(command)}`)
}
