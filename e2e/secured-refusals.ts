// Whatever may be wrong of a caller or of a service's settings, and what has to be said of it.
import { newKey } from '@inorder/http/issuer.fixture.ts'
import { loginOf } from './secured-services.ts'
import type { SecuredStack } from './secured-stack.ts'

/** Of a caller who wants to create an order. */
export async function refusedCallers({ tokenOf }: SecuredStack) {
  const [scope, others] = ['orders:write', await newKey('key-1')]
  return [
    { wrong: 'no token', token: undefined, status: 401, told: /Authorization: Bearer/ },
    { wrong: 'scope', token: await tokenOf('orders:read operate'), status: 403, told: /needs the scope orders:write/ },
    { wrong: 'audience', token: await tokenOf(scope, { aud: 'another' }), status: 401, told: /its aud is wrong/ },
    { wrong: 'issuer', token: await tokenOf(scope, { iss: 'https://other' }), status: 401, told: /its iss is wrong/ },
    { wrong: 'a token that is over', token: await tokenOf(scope, { exp: 1 }), status: 401, told: /has expired/ },
    {
      wrong: "another's signature",
      token: await tokenOf(scope, {}, others),
      status: 401,
      told: /signature .* is wrong/,
    },
  ]
}

interface RefusedService {
  wrong: string
  /** What of the settings is other than it should be. */
  env(stack: SecuredStack): Record<string, string>
  told: RegExp
}

const database = (stack: SecuredStack, change: (url: URL) => void) => {
  const url = new URL(stack.settingsOf('order').DATABASE_URL!)
  change(url)
  return { DATABASE_URL: url.href }
}

/** Of an order service. */
export const refusedServices: RefusedService[] = [
  {
    wrong: 'password of Kafka',
    env: () => ({ KAFKA_SASL_PASSWORD: 'wrong-secret' }),
    told: /^kafka \(.*refuses the login.*KAFKA_SASL_PASSWORD/,
  },
  {
    wrong: 'CA of Kafka',
    env: ({ kafka }) => ({ KAFKA_TLS_CA_FILE: kafka.certificates.otherCa }),
    told: /^kafka \(.*not trusted: mend KAFKA_TLS_CA_FILE/,
  },
  {
    wrong: 'no certificate where Kafka wants one',
    env: ({ kafka }) => ({
      ...{ KAFKA_BROKERS: kafka.mutual, KAFKA_SASL_MECHANISM: '', KAFKA_SASL_USERNAME: '', KAFKA_SASL_PASSWORD: '' },
    }),
    told: /^kafka \(.*KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE/,
  },
  {
    wrong: 'an ACL is missing',
    env: () => loginOf('nobody'),
    told: /^kafka \(.*an ACL is missing.*KAFKA_SASL_USERNAME/,
  },
  {
    wrong: 'password of the registry',
    env: () => ({ SCHEMA_REGISTRY_PASSWORD: 'wrong-secret' }),
    told: /^registry \(.*SCHEMA_REGISTRY_PASSWORD/,
  },
  {
    wrong: 'CA of the registry',
    env: ({ registry }) => ({ SCHEMA_REGISTRY_CA_FILE: registry.certificates.otherCa }),
    told: /^registry \(.*not trusted.*SCHEMA_REGISTRY_CA_FILE/,
  },
  {
    wrong: 'password of PostgreSQL',
    env: (stack) =>
      database(stack, (url) => {
        url.password = 'wrong-secret'
      }),
    told: /^database \(.*password: mend DATABASE_URL/,
  },
  {
    wrong: 'CA of PostgreSQL',
    env: (stack) =>
      database(stack, ({ searchParams }) => searchParams.set('sslrootcert', stack.kafka.certificates.otherCa)),
    told: /^database \(.*not trusted: mend sslrootcert/,
  },
  {
    wrong: 'no TLS where PostgreSQL wants it',
    env: (stack) => database(stack, ({ searchParams }) => searchParams.set('sslmode', 'disable')),
    told: /^database \(.*lets nobody in.*sslmode/,
  },
]
