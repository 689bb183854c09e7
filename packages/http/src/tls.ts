// TLS of the service itself, where no proxy before it does that.
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { badConfig } from '@inorder/storage/settings.ts'
import type { AuthConfig } from './auth-config.ts'

/** Undefined without the settings. Rejects with BadConfig where the files are no certificate and its key. */
export async function tlsOf({ TLS_CERT_FILE, TLS_KEY_FILE }: AuthConfig): Promise<SecureContextOptions | undefined> {
  if (TLS_CERT_FILE === undefined || TLS_KEY_FILE === undefined) return undefined
  try {
    const [cert, key] = await Promise.all([readFile(TLS_CERT_FILE), readFile(TLS_KEY_FILE)])
    createSecureContext({ cert, key })
    return { cert, key, minVersion: 'TLSv1.2' }
  } catch (error) {
    return badConfig(`TLS_CERT_FILE and TLS_KEY_FILE are no certificate and its key: ${(error as Error).message}`)
  }
}
