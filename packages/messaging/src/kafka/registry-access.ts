import { badConfig, certificatesOf, renewedSecret, secretOf } from '@inorder/storage/settings.ts'

/** How the schema registry is asked, where it wants a login or has a certificate of a CA of one's own. */
export interface RegistryAccess {
  /** Value of the header, made for each request: a secret may have been mended. */
  authorization?(): string
  ca?: string
}

/** Throws BadConfig: settings that are half given, a file that cannot be used. */
export function registryAccess(env: NodeJS.ProcessEnv): RegistryAccess {
  const [username, password, token] = ['USERNAME', 'PASSWORD', 'TOKEN'].map((name) =>
    secretOf(env, `SCHEMA_REGISTRY_${name}`),
  )
  const { username: user, password: own } = URL.parse(secretOf(env, 'SCHEMA_REGISTRY_URL') ?? '') ?? {}
  if (user || own)
    badConfig('SCHEMA_REGISTRY_URL holds a login: give it as SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD')
  if ((username === undefined) !== (password === undefined))
    badConfig('SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD belong together: set both')
  if (username !== undefined && token !== undefined)
    badConfig('SCHEMA_REGISTRY_TOKEN and SCHEMA_REGISTRY_USERNAME are both set: give one of them')
  const ca = certificatesOf(env, 'SCHEMA_REGISTRY_CA_FILE')
  const [passwordNow, tokenNow] = ['PASSWORD', 'TOKEN'].map((name) => renewedSecret(env, `SCHEMA_REGISTRY_${name}`))
  const basic = () => `Basic ${Buffer.from(`${username}:${passwordNow?.()}`).toString('base64')}`
  return {
    ...(username !== undefined && { authorization: basic }),
    ...(token !== undefined && { authorization: () => `Bearer ${tokenNow?.()}` }),
    ...(ca !== undefined && { ca }),
  }
}
