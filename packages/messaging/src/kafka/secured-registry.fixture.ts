// A schema registry of a test's own that speaks TLS alone and wants a login.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { registryFiles } from '@inorder/stack/install.ts'
import { findJava } from '@inorder/stack/java.ts'
import { registry } from '@inorder/stack/registry.ts'
import { readSettings } from '@inorder/stack/settings.ts'
import { type Certificates, makeCertificates } from '@inorder/testing/certificates.ts'
import { freePort } from '@inorder/testing/ports.ts'
import { endWithUs } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'
import { SchemaRegistry } from './registry.ts'
import { registryAccess } from './registry-access.ts'

export interface SecuredRegistry {
  url: string
  certificates: Certificates
  /** The settings with which it can be asked. */
  settings: Record<string, string>
}

const never = new AbortController().signal

export function registrySettings(port: number, certificates: Certificates): SecuredRegistry {
  const url = `https://localhost:${port}/apis/ccompat/v7`
  const settings = {
    SCHEMA_REGISTRY_URL: url,
    SCHEMA_REGISTRY_CA_FILE: certificates.ca,
    SCHEMA_REGISTRY_USERNAME: 'inorder',
    SCHEMA_REGISTRY_PASSWORD: 'registry-secret',
  }
  return { url, certificates, settings }
}

/** It ends with the process. */
export async function startSecuredRegistry(): Promise<SecuredRegistry> {
  const settings = readSettings(process.env)
  const java = await findJava(settings, process.env, never)
  const files = await registryFiles(settings, java, never)
  const data = mkdtempSync(join(tmpdir(), 'secured-registry-'))
  const certificates = makeCertificates(data)
  const [port, plainPort, managementPort] = await Promise.all([freePort(), freePort(), freePort()])
  const { command } = registry({ data, port: plainPort, managementPort, files, java })
  const env = {
    ...command.env,
    QUARKUS_HTTP_SSL_PORT: String(port),
    QUARKUS_HTTP_SSL_CERTIFICATE_FILES: certificates.server.cert,
    QUARKUS_HTTP_SSL_CERTIFICATE_KEY_FILES: certificates.server.key,
    QUARKUS_HTTP_INSECURE_REQUESTS: 'disabled',
    QUARKUS_HTTP_AUTH_BASIC: 'true',
    QUARKUS_SECURITY_USERS_EMBEDDED_ENABLED: 'true',
    QUARKUS_SECURITY_USERS_EMBEDDED_PLAIN_TEXT: 'true',
    QUARKUS_SECURITY_USERS_EMBEDDED_USERS_INORDER: 'registry-secret',
    QUARKUS_HTTP_AUTH_PERMISSION_ALL_PATHS: '/*',
    QUARKUS_HTTP_AUTH_PERMISSION_ALL_POLICY: 'authenticated',
  }
  const server = spawn(command.file, command.args, { cwd: command.cwd, env, stdio: ['ignore', 'ignore', 'inherit'] })
  endWithUs(server)
  process.once('exit', () => rmSync(data, { recursive: true, force: true }))
  const secured = registrySettings(port, certificates)
  const access = registryAccess(secured.settings)
  const client = new SchemaRegistry({ url: secured.url, deadlineMs: 5_000, access })
  await until('the secured registry answers', () => client.idOf('first', '"string"'), 240_000)
  return secured
}
