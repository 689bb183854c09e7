import { badConfig, secretOf } from '@inorder/storage/settings.ts'
import { Ajv } from 'ajv'
import { type Static, type TObject, type TSchema, Type } from 'typebox'
import { authConfig, authFault, authFormats, hasLogin } from './auth-config.ts'

/** What a setting's `format` demands. The names are what a bad one is told. */
const formats = {
  'postgres://host/database': (text: string) => isUrl(text, ['postgres:', 'postgresql:']),
  'http://host, without a login': isWebAddress,
  'http://host,..., without a login': (text: string) => text.split(',').every(isWebAddress),
  '0..1': (text: string) => /^(0(\.\d+)?|1(\.0+)?)$/.test(text),
  'host:port,...': (text: string) => text.split(',').every(isAddress),
  'host,host:port,...': (text: string) =>
    text.split(',').every((one) => /^(\[[\da-f:.]+\]|[^\s:/]+)(:\d{1,5})?$/i.test(one)),
  'http://host:port,...': (text: string) => text.split(',').every((one) => URL.parse(one)?.origin === one),
  ...authFormats,
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  const url = /\s/.test(text) ? null : URL.parse(text)
  return url !== null && protocols.includes(url.protocol) && url.hostname !== ''
}

/** These are logged, and answered in the detail of what failed there. */
function isWebAddress(text: string): boolean {
  return isUrl(text, ['http:', 'https:']) && !hasLogin(text)
}

function isAddress(text: string): boolean {
  const port = Number(text.match(/^[^\s:]+:(\d+)$/)?.[1])
  return port >= 1 && port <= 65_535
}

/** Fields of what every process is told. */
export const processConfig = (name: string, port: number) => ({
  HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  PORT: Type.Integer({ default: port, minimum: 0, maximum: 65_535 }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { default: 'info' }),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String({ format: 'http://host, without a login' })),
  OTEL_TRACES_SAMPLER_ARG: Type.Optional(Type.String({ format: '0..1' })),
  LOG_FILE: Type.Optional(Type.String({ minLength: 1 })),
  INSTANCE: Type.String({ default: name, minLength: 1, maxLength: 128 }),
  ALLOWED_HOSTS: Type.Optional(Type.String({ format: 'host,host:port,...' })),
  ALLOWED_ORIGINS: Type.Optional(Type.String({ format: 'http://host:port,...' })),
  INSECURE_LISTEN: Type.Enum(['no', 'yes'], { default: 'no' }),
  RATE_LIMIT: Type.Integer({ default: 0, minimum: 0, maximum: 1_000_000 }),
  MAX_CONNECTIONS: Type.Integer({ default: 1_000, minimum: 10, maximum: 100_000 }),
  DRAIN_MS: Type.Integer({ default: 0, minimum: 0, maximum: 60_000 }),
  ...authConfig,
})

/** The same with what our own services need: `Type.Object({ ...serviceConfig('cart', 3001), DELIVERY: ... })`. */
export const serviceConfig = (name: string, port: number) => ({
  ...processConfig(name, port),
  DATABASE_URL: Type.String({ format: 'postgres://host/database' }),
  MIGRATE: Type.Enum(['start', 'off'], { default: 'start' }),
  KAFKA_BROKERS: Type.String({ format: 'host:port,...' }),
  SCHEMA_REGISTRY_URL: Type.String({ format: 'http://host, without a login' }),
  AUDIT_KEEP_DAYS: Type.Optional(Type.Integer({ minimum: 1, maximum: 36_500 })),
})

/**
 * The settings of `schema`, from environment variables of the same names, or from files that NAME_FILE names; an empty one
 * counts as not given.
 */
export function readConfig<Schema extends TObject>(schema: Schema, env: NodeJS.ProcessEnv): Static<Schema> {
  const given = Object.keys(schema.properties).flatMap((name) => {
    const text = secretOf(env, name)
    return text === undefined ? [] : [[name, settingOf(schema.properties[name], text)]]
  })
  const config: unknown = Object.fromEntries(given)
  const validate = new Ajv({ allErrors: true, useDefaults: true, formats }).compile<Static<Schema>>(schema)
  if (validate(config)) {
    const fault = authFault(config)
    if (fault) badConfig(fault)
    return config
  }
  const faults = validate.errors?.map(({ instancePath, keyword, params, message }) =>
    keyword === 'required'
      ? `${params.missingProperty} is not set`
      : `${instancePath.slice(1)} ${message}${keyword === 'enum' ? `: ${params.allowedValues.join(', ')}` : ''}`,
  )
  return badConfig(String(faults?.join('; ')))
}

/** ajv's coercion would take `0x10` and a blank for numbers. */
const settingOf = (schema: TSchema | undefined, text: string): unknown =>
  schema && 'type' in schema && schema.type === 'integer' && /^\d+$/.test(text) ? Number(text) : text
