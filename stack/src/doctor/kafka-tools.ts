/** A command of Kafka's own tools, as somebody types it who may change things. */
export type KafkaTool = (tool: string, ...args: string[]) => string

/** `admin.properties` holds that person's login, as in docs/deploy.md. */
export const kafkaTools =
  (brokers: readonly string[], secured: boolean): KafkaTool =>
  (tool, ...args) =>
    [
      `${tool}.sh`,
      '--bootstrap-server',
      brokers.join(','),
      ...(secured ? ['--command-config admin.properties'] : []),
      ...args,
    ].join(' ')

export const setConfig = (tool: KafkaTool, topic: string, config: string): string =>
  tool('kafka-configs', '--alter', '--topic', topic, '--add-config', config)

/** `resource`: `--topic order-events`, `--cluster`. */
export const grant = (tool: KafkaTool, principal: string, operation: string, resource: string): string =>
  tool('kafka-acls', '--add', '--allow-principal', `'${principal}'`, '--operation', operation, resource)
