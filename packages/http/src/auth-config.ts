// The settings that say who may call a service, and whether the way there is private.
import { isIP } from 'node:net'
import { Type } from 'typebox'
import { isLoopback } from './loopback.ts'

const setting = (format?: keyof typeof authFormats) =>
  Type.Optional(Type.String({ minLength: 1, ...(format && { format }) }))

/** What a setting's `format` demands. */
export const authFormats = {
  'https://host, on loopback http://host, without a login': (text: string) => {
    const url = /\s/.test(text) || hasLogin(text) ? null : URL.parse(text)
    return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  },
  'address or address/prefix,...': (text: string) => text.split(',').every(isSubnet),
}

export function hasLogin(text: string): boolean {
  const { username, password } = URL.parse(text) ?? {}
  return Boolean(username || password)
}

function isSubnet(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

export const authConfig = {
  AUTH_JWKS_URL: setting('https://host, on loopback http://host, without a login'),
  AUTH_ISSUER: setting(),
  AUTH_AUDIENCE: setting(),
  API_KEYS_FILE: setting(),
  TLS_CERT_FILE: setting(),
  TLS_KEY_FILE: setting(),
  TRUST_PROXY: setting('address or address/prefix,...'),
}

export type AuthConfig = { readonly [Name in keyof typeof authConfig]?: string }

export const asksWhoCalls = ({ AUTH_JWKS_URL, API_KEYS_FILE }: AuthConfig): boolean =>
  AUTH_JWKS_URL !== undefined || API_KEYS_FILE !== undefined

const together = [
  ['AUTH_JWKS_URL', 'AUTH_ISSUER', 'AUTH_AUDIENCE'],
  ['TLS_CERT_FILE', 'TLS_KEY_FILE'],
] as const

/** What is wrong with settings that are good one by one; undefined: nothing. */
export function authFault(config: AuthConfig & { HOST?: string; INSECURE_LISTEN?: string }): string | undefined {
  for (const group of together) {
    const missing = group.filter((name) => config[name] === undefined)
    if (missing.length > 0 && missing.length < group.length)
      return `${missing.join(' and ')} not set: give all of ${group.join(', ')} or none of them`
  }
  const { HOST, INSECURE_LISTEN, TRUST_PROXY } = config
  if (TRUST_PROXY?.split(',').some((subnet) => /\/0+$/.test(subnet)))
    return 'TRUST_PROXY holds every address, so anybody could say where a request comes from: name those of the proxy'
  if (HOST === undefined || isLoopback(HOST) || INSECURE_LISTEN === 'yes' || asksWhoCalls(config)) return undefined
  return (
    'HOST is no loopback address, and nobody is asked who they are: set AUTH_JWKS_URL or API_KEYS_FILE, ' +
    'or INSECURE_LISTEN=yes where only those reach the service who may do everything, or HOST=127.0.0.1'
  )
}
