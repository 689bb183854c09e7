// Secrets that a service sends over a network in clear text. Whether that network is private only its owner knows.
import { isLoopback } from '@inorder/http/loopback.ts'
import { secretOf } from '@inorder/storage/settings.ts'

type Addresses = { readonly KAFKA_BROKERS: string } & { readonly [Name in (typeof receivers)[number][0]]?: string }

const receivers = [
  ['SCHEMA_REGISTRY_URL', 'SCHEMA_REGISTRY_PASSWORD', 'SCHEMA_REGISTRY_TOKEN'],
  ['PAYMENT_URL', 'PAYMENT_TOKEN'],
  ['CARRIER_URL', 'CARRIER_TOKEN'],
] as const

/** A line for each secret that goes so to one of these addresses, which says what to do. */
export function inClearText(addresses: Addresses, env: NodeJS.ProcessEnv): string[] {
  const told = (secret: string, mend: string) => `${secret} goes over the network in clear text: ${mend}`
  const lines: string[] = []
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_TLS } = env
  const brokers = addresses.KAFKA_BROKERS.split(',').map((broker) => broker.replace(/:\d+$/, ''))
  // SCRAM proves that it knows the password, and does not send it.
  if (KAFKA_TLS !== 'on' && !brokers.every(isLoopback)) {
    if (mechanism === 'PLAIN') lines.push(told('KAFKA_SASL_PASSWORD', 'set KAFKA_TLS=on, or use SCRAM-SHA-512'))
    if (mechanism === 'OAUTHBEARER') lines.push(told('the token of KAFKA_OAUTH_CLIENT_ID', 'set KAFKA_TLS=on'))
  }
  for (const [url, ...secrets] of receivers) {
    const { protocol, hostname = '' } = URL.parse(addresses[url] ?? '') ?? {}
    if (protocol !== 'http:' || isLoopback(hostname)) continue
    for (const secret of secrets) if (secretOf(env, secret)) lines.push(told(secret, `give an https URL as ${url}`))
  }
  return lines
}
