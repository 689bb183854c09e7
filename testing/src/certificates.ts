// Certificates of a test's own, made with openssl: a CA, what it has signed, and a CA that nobody trusts.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  /** Paths of PEM files. */
  ca: string
  otherCa: string
  /** For `localhost` alone. */
  server: { cert: string; key: string; both: string }
  client: { cert: string; key: string; both: string }
}

/** `client`: the common name of the client's certificate. */
export function makeCertificates(folder: string, client = 'cart'): Certificates {
  const path = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const ca of ['ca', 'other-ca'])
    openssl('req', '-x509', ...newKey, '-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-subj', `/CN=${ca}`, '-days', '2')
  const signed = (name: string, commonName: string) => {
    writeFileSync(path('names'), 'subjectAltName=DNS:localhost\n')
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${commonName}`)
    const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
    const extensions = name === 'server' ? ['-extfile', 'names'] : []
    openssl('x509', '-req', '-in', `${name}.csr`, ...ca, ...extensions, '-days', '2', '-out', `${name}.pem`)
    const [cert, key] = [path(`${name}.pem`), path(`${name}.key`)]
    writeFileSync(path(`${name}-both.pem`), readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'))
    return { cert, key, both: path(`${name}-both.pem`) }
  }
  return {
    ca: path('ca.pem'),
    otherCa: path('other-ca.pem'),
    server: signed('server', 'localhost'),
    client: signed('client', client),
  }
}
