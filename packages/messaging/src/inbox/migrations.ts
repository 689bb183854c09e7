import { migrationsOf, outboxMigrations } from '../outbox/migrations.ts'

/** The outbox of a consumer is for copies of parked records. */
export const inboxMigrations = [migrationsOf('inbox'), ...outboxMigrations, migrationsOf('effects')]
