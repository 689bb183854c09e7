// TLS of the service itself, where no proxy before it does that.
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls'
import { badConfig } from '@inorder/storage/settings.ts'
import type { FastifyBaseLogger } from 'fastify'
import type { AuthConfig } from './auth-config.ts'

const lookMs = 1_000

/** A certificate and its key, or the files that hold them. */
interface Pair {
  cert: string
  key: string
}

export function tlsFilesOf({ TLS_CERT_FILE, TLS_KEY_FILE }: AuthConfig): Pair | undefined {
  if (TLS_CERT_FILE === undefined || TLS_KEY_FILE === undefined) return undefined
  return { cert: TLS_CERT_FILE, key: TLS_KEY_FILE }
}

/** Rejects with BadConfig where the files are no certificate and its key. */
export async function tlsOf(files: Pair): Promise<SecureContextOptions & Pair> {
  try {
    return contextOf(await read(files))
  } catch (error) {
    return badConfig(`TLS_CERT_FILE and TLS_KEY_FILE are no certificate and its key: ${(error as Error).message}`)
  }
}

/** Has new connections get a renewed certificate. While the files hold none, that of before stays. Returns how to stop. */
export function renewTls(server: Server, files: Pair, used: Pair, logger: FastifyBaseLogger): () => void {
  let now = used
  /** The same twice in a row: nobody is writing the files. */
  let fault = ''
  let looks = 0
  const timer = setInterval(async () => {
    try {
      const pair = await read(files)
      if (pair.cert === now.cert && pair.key === now.key) return
      server.setSecureContext(contextOf(pair))
      now = pair
      logger.info(files, 'TLS_CERT_FILE and TLS_KEY_FILE have changed: new connections get the new certificate')
    } catch (error) {
      const why = (error as Error).message
      looks = why === fault ? looks + 1 : 1
      fault = why
      if (looks === 2)
        logger.error(
          { ...files, why },
          'TLS_CERT_FILE and TLS_KEY_FILE have changed and are no certificate and its key: that of before stays. Mend them',
        )
    }
  }, lookMs).unref()
  return () => clearInterval(timer)
}

async function read({ cert, key }: Pair): Promise<Pair> {
  const [ofCert, ofKey] = await Promise.all([readFile(cert, 'utf8'), readFile(key, 'utf8')])
  return { cert: ofCert, key: ofKey }
}

function contextOf(pair: Pair): SecureContextOptions & Pair {
  createSecureContext(pair)
  return { ...pair, minVersion: 'TLSv1.2' }
}
