import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { badConfig } from './settings.ts'

/** Options of a TLS connection whose files are read for each one, so that a renewed certificate is used. */
export interface RenewedContext {
  readonly secureContext: SecureContext
}

/** `what`: the settings that name a certificate and its key. Throws BadConfig where the files are none. */
export function renewedContext(what: string, read: () => SecureContextOptions): RenewedContext {
  const made = () => {
    const options = read()
    try {
      return createSecureContext(options)
    } catch {
      return badConfig(`${what} are no certificate and its key (PEM)`)
    }
  }
  let good = made()
  return {
    get secureContext() {
      try {
        good = made()
      } catch {
        // Half written: the next connection may find it whole.
      }
      return good
    },
  }
}
