// The schema registry, Apicurio, with its schemas kept on disk.
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { host } from './addresses.ts'
import { bareEnvironment, javaLocale } from './environment.ts'
import type { Installed } from './install.ts'
import { answersOk } from './network.ts'
import { level, logOf, type Part } from './part.ts'

export const registryUrl = (port: number): string => `http://${host}:${port}/apis/ccompat/v7`

export function registry(options: {
  data: string
  port: number
  managementPort: number
  files: Installed
  java: string
}): Part {
  const { data, port, managementPort, files, java } = options
  const folder = join(data, 'registry')
  mkdirSync(folder, { recursive: true })
  const jar = join(files.folder, 'quarkus-run.jar')
  return {
    name: 'registry',
    address: registryUrl(port),
    level: level.registry,
    command: {
      file: join(java, 'bin/java'),
      args: ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...javaLocale, '-jar', jar],
      cwd: folder,
      env: {
        ...bareEnvironment(process.env),
        QUARKUS_HTTP_HOST: host,
        QUARKUS_HTTP_PORT: String(port),
        QUARKUS_MANAGEMENT_HOST: host,
        QUARKUS_MANAGEMENT_PORT: String(managementPort),
        QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
        QUARKUS_LOG_LEVEL: 'WARN',
        // It turns its file over itself; what it says before it has read this is on standard output.
        QUARKUS_LOG_CONSOLE_ENABLED: 'false',
        QUARKUS_LOG_FILE_ENABLED: 'true',
        QUARKUS_LOG_FILE_PATH: relative(folder, logOf(data, 'registry')),
        QUARKUS_LOG_FILE_ROTATION_MAX_FILE_SIZE: '64M',
        QUARKUS_LOG_FILE_ROTATION_MAX_BACKUP_INDEX: '5',
        QUARKUS_LOG_FILE_ROTATION_ROTATE_ON_BOOT: 'false',
        QUARKUS_LOG_CATEGORY__IO_APICURIO__LEVEL: 'WARN',
        APICURIO_RULES_GLOBAL_COMPATIBILITY: 'FULL_TRANSITIVE',
        APICURIO_STORAGE_CONNECTION_RETRY_ENABLED: 'false',
        APICURIO_STORAGE_KIND: 'sql',
        APICURIO_STORAGE_SQL_KIND: 'h2',
        // Without WRITE_DELAY=0 a kill loses schemas that were acknowledged, and gives their ids away again. Relative to
        // where it runs, because a semicolon in the path would begin a setting.
        APICURIO_DATASOURCE_URL: 'jdbc:h2:file:./registry;WRITE_DELAY=0',
        APICURIO_DATASOURCE_JDBC_INITIAL_SIZE: '2',
        APICURIO_DATASOURCE_JDBC_MIN_SIZE: '2',
        APICURIO_DATASOURCE_JDBC_MAX_SIZE: '10',
      },
    },
    isReady: () => answersOk(`${registryUrl(port)}/subjects`),
    stop: { signal: 'SIGTERM', limit: 800 },
  }
}
