/** Where the parts are; what stands here is what `INORDER_SERVICES=none npm start` brings. */
export const connections = (database: string) => ({
  url: process.env.DATABASE_URL ?? `postgres://postgres@127.0.0.1:5433/${database}`,
  brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','),
  registryUrl: process.env.SCHEMA_REGISTRY_URL ?? 'http://127.0.0.1:8081/apis/ccompat/v7',
})
