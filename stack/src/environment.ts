// What of the user's shell reaches the parts. PostgreSQL, Kafka and the registry take settings from dozens of variables
// (PGOPTIONS, JAVA_TOOL_OPTIONS, QUARKUS_HTTP_PORT, LC_ALL, ...): they get none but those that a program needs to run.

const needed = ['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'TZ', 'LD_LIBRARY_PATH']

/**
 * Java writes paths in the locale's encoding (under C and POSIX an "é" in one becomes "?"), and compares words in its
 * language (in Turkish "i" is not the lower case of "I").
 */
const locale = { LC_ALL: process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8' }

/** Given on the command line they win over JAVA_TOOL_OPTIONS; macOS takes the language from elsewhere than LC_ALL. */
export const javaLocale = ['-Duser.language=en', '-Duser.country=US', '-Dfile.encoding=UTF-8']

/** Of the programs that are not ours. */
export function bareEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = needed.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))
  return { ...Object.fromEntries(given), ...locale }
}

/** Of Maven, which needs the user's settings (proxies, certificates), but not the user's language. */
export function mavenEnvironment(env: NodeJS.ProcessEnv, java: string): NodeJS.ProcessEnv {
  const options = [env.MAVEN_OPTS, ...javaLocale].filter(Boolean).join(' ')
  return { ...env, ...locale, JAVA_HOME: env.JAVA_HOME || java, MAVEN_OPTS: options }
}

/** Removes what would change the way to a part that we started; what is for one of the user's own stays. */
export function forgetAccess(env: NodeJS.ProcessEnv, given: { database?: string; kafka?: string; registry?: string }) {
  const own = [
    ...(given.database ? [] : [/^PG[A-Z]+(_FILE)?$/]),
    ...(given.kafka ? [] : [/^KAFKA_(TLS|SASL|OAUTH)/]),
    ...(given.registry ? [] : [/^SCHEMA_REGISTRY_(USERNAME|PASSWORD|TOKEN|CA)/]),
  ]
  for (const name of Object.keys(env)) if (own.some((pattern) => pattern.test(name))) delete env[name]
}
