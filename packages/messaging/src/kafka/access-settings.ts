// The one place where the settings of the way to Kafka are read and checked.
import { renewedContext } from '@inorder/storage/renewed-context.ts'
import { badConfig, certificatesOf, contentOf, renewedSecret, secretOf } from '@inorder/storage/settings.ts'
import type { SASLOptions } from '@platformatic/kafka'
import { KafkaAccess } from './access.ts'
import { tokenSource } from './oauth-token.ts'

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
const tlsFiles = ['KAFKA_TLS_CA_FILE', 'KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE']
const password = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD']
const oauth = ['KAFKA_OAUTH_TOKEN_URL', 'KAFKA_OAUTH_CLIENT_ID', 'KAFKA_OAUTH_CLIENT_SECRET', 'KAFKA_OAUTH_SCOPE']

/** Throws BadConfig: settings that are half given, a file that cannot be used. */
export function kafkaAccess(env: NodeJS.ProcessEnv): KafkaAccess {
  const sasl = saslOf(env)
  return new KafkaAccess({ tls: tlsOf(env), sasl, login: (sasl?.token ? oauth.slice(1, 3) : password).join(' and ') })
}

function tlsOf(env: NodeJS.ProcessEnv) {
  const { KAFKA_TLS = '' } = env
  if (!['', 'on', 'off'].includes(KAFKA_TLS)) badConfig('KAFKA_TLS must be on or off')
  if (KAFKA_TLS !== 'on') {
    for (const name of tlsFiles) if (env[name]) badConfig(`${name} is set and KAFKA_TLS is not: set KAFKA_TLS=on`)
    return undefined
  }
  if (Boolean(env.KAFKA_TLS_CERT_FILE) !== Boolean(env.KAFKA_TLS_KEY_FILE))
    badConfig('KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE belong together: set both')
  const read = () => ({
    ca: certificatesOf(env, 'KAFKA_TLS_CA_FILE'),
    cert: contentOf(env, 'KAFKA_TLS_CERT_FILE'),
    key: contentOf(env, 'KAFKA_TLS_KEY_FILE'),
  })
  return renewedContext('KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE', read)
}

function saslOf(env: NodeJS.ProcessEnv): SASLOptions | undefined {
  const { KAFKA_SASL_MECHANISM } = env
  const isGiven = (name: string) => secretOf(env, name) !== undefined
  if (!KAFKA_SASL_MECHANISM) {
    const given = [...password, ...oauth].find(isGiven)
    return given
      ? badConfig(`${given} is set and KAFKA_SASL_MECHANISM is not: set it to one of ${mechanisms.join(', ')}`)
      : undefined
  }
  const mechanism = mechanisms.find((one) => one === KAFKA_SASL_MECHANISM)
  if (!mechanism) return badConfig(`KAFKA_SASL_MECHANISM must be one of ${mechanisms.join(', ')}`)
  const [needed, others] = mechanism === 'OAUTHBEARER' ? [oauth.slice(0, 3), password] : [password, oauth]
  for (const name of needed) if (!isGiven(name)) badConfig(`${name} is not set, and ${mechanism} needs it`)
  for (const name of others) if (isGiven(name)) badConfig(`${name} is set, and ${mechanism} does not use it`)
  // Read at each login: it may have been mended.
  const secret = (name: string) => renewedSecret(env, name) as () => string
  if (mechanism !== 'OAUTHBEARER')
    return { mechanism, username: secret('KAFKA_SASL_USERNAME')(), password: secret('KAFKA_SASL_PASSWORD') }
  const [url, scope] = [secretOf(env, 'KAFKA_OAUTH_TOKEN_URL'), secretOf(env, 'KAFKA_OAUTH_SCOPE')]
  if (!isSafe(url)) badConfig('KAFKA_OAUTH_TOKEN_URL must be an https URL without a login (http on loopback only)')
  const clientSecret = secret('KAFKA_OAUTH_CLIENT_SECRET')
  const clientId = secret('KAFKA_OAUTH_CLIENT_ID')()
  return { mechanism, token: tokenSource({ url: url as string, clientId, clientSecret, scope }) }
}

/** A secret goes there. */
function isSafe(text = ''): boolean {
  const url = URL.parse(text)
  if (!url || url.username || url.password) return false
  return (
    url.protocol === 'https:' || (url.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname))
  )
}
