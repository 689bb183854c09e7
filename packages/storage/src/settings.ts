// How settings are read that are a secret, or the content of a file.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** One line that names every setting that is wrong, and no value: it may be a secret. */
export class BadConfig extends Error {
  override readonly name = 'BadConfig'
}

export function badConfig(fault: string): never {
  throw new BadConfig(`bad configuration: ${fault}`)
}

/** The setting itself, or the content of the file that NAME_FILE names. Undefined: neither is given; an empty one is not. */
export function secretOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const content = contentOf(env, `${name}_FILE`)
  if (content === undefined) return env[name] || undefined
  if (env[name]) badConfig(`${name} and ${name}_FILE are both set: give one of them`)
  // Editors and `echo` end a file with a line break.
  const secret = content.replace(/\r?\n$/, '')
  if (secret === '') badConfig(`${name}_FILE names an empty file`)
  return secret
}

/**
 * The same, read each time it is asked for: its file may have been renewed. While that cannot be read, or holds what
 * `isGood` does not take (half written, taken away and not yet put back), the secret of before counts.
 */
export function renewedSecret(
  env: NodeJS.ProcessEnv,
  name: string,
  isGood: (secret: string) => boolean = () => true,
): () => string | undefined {
  let good = secretOf(env, name)
  return () => {
    try {
      const now = secretOf(env, name)
      if (now !== undefined && isGood(now)) good = now
    } catch {
      // The next one who asks may find it whole.
    }
    return good
  }
}

/** Of the file that a setting names. */
export function contentOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const path = env[name]
  if (!path) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return badConfig(`${name} names a file that cannot be read (${code})`)
  }
}

/** Trusted certificates, of the file that a setting names. Node takes any text for some, and trusts nobody then. */
export function certificatesOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const pem = contentOf(env, name)
  try {
    if (pem !== undefined) new X509Certificate(pem)
  } catch {
    badConfig(`${name} names a file that holds no certificate (PEM)`)
  }
  return pem
}
