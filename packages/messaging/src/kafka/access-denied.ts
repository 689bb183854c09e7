// What an error of the client says when waiting does not help: a setting or an ACL has to be mended.
import { KafkaDenied, KafkaForbidden } from './errors.ts'
import { TokenRefused, TokenUnavailable } from './oauth-token.ts'

export const isDenial = (error: unknown): error is KafkaDenied | KafkaForbidden =>
  error instanceof KafkaDenied || error instanceof KafkaForbidden

type Code = Error & { code?: unknown; apiId?: unknown }

/** By Node's code of the error of a handshake. */
const ofHandshake: [RegExp, string][] = [
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for other names than those in KAFKA_BROKERS'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired: renew it at the broker'],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*|CERT_.*)$/,
    'its certificate is not trusted: mend KAFKA_TLS_CA_FILE',
  ],
  // The broker's alert: it wants a certificate, or does not take ours.
  [
    /^ERR_SSL_.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)/,
    'it refuses the certificate of this client: mend KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE',
  ],
]

/** `login`: the settings that a login is made of. Undefined where it is none. */
export function denialOf(error: unknown, what: string, login: string): KafkaDenied | KafkaForbidden | undefined {
  const all = [...withCauses(error)]
  // Nobody has refused anything.
  if (all.some((one) => one instanceof TokenUnavailable)) return undefined
  for (const one of all) {
    const { code, apiId } = one
    if (one instanceof TokenRefused) return new KafkaDenied(one.message, { cause: error })
    if (typeof apiId === 'string' && apiId.endsWith('_AUTHORIZATION_FAILED'))
      return new KafkaForbidden(
        `${what}: an ACL is missing for the user of ${login} (${apiId}): deploy/kafka has the list`,
        {
          cause: error,
        },
      )
    if (apiId === 'UNSUPPORTED_SASL_MECHANISM')
      return denied('it does not offer this mechanism: mend KAFKA_SASL_MECHANISM', error)
    if (one.message === 'Broker requires TLS.') return denied('it speaks TLS only: set KAFKA_TLS=on', error)
    const handshake = ofHandshake.find(([pattern]) => pattern.test(String(code)))
    if (handshake) return denied(`${handshake[1]} (${code})`, error)
  }
  if (all.some(isRefusedLogin)) return denied(`it refuses the login: mend ${login}`, error)
  return undefined
}

/** More than the error says by itself of why nobody answers. */
export function outageOf(error: unknown, usesTls: boolean): string | undefined {
  const all = [...withCauses(error)]
  const token = all.find((one) => one instanceof TokenUnavailable)
  if (token) return token.message
  if (all.some(({ message }) => message.startsWith('TLS handshake failed')))
    return 'it ends the connection during the TLS handshake: if it speaks plain text, set KAFKA_TLS=off'
  if (!all.some(isAuthentication)) return undefined
  return `it closes the connection during the login${usesTls ? '' : ': if it speaks TLS, set KAFKA_TLS=on'}`
}

const isAuthentication = ({ code }: Code) => code === 'PLT_KFK_AUTHENTICATION'
/** Not one that the network has cut short. */
const isRefusedLogin = (error: Code) =>
  isAuthentication(error) && ![...withCauses(error)].some(({ code }) => code === 'PLT_KFK_NETWORK')

const denied = (why: string, cause: unknown) => new KafkaDenied(`Kafka does not let us in: ${why}`, { cause })

/** The error, what it was made of, and what caused each of these. */
function* withCauses(error: unknown): Generator<Code> {
  if (!(error instanceof Error)) return
  yield error
  if (error instanceof AggregateError) for (const one of error.errors) yield* withCauses(one)
  yield* withCauses(error.cause)
}
