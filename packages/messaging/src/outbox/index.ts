// @inorder/messaging/outbox: database -> Kafka. README.md explains it; the workspace imports the files themselves.
export { MigrationChanged, type Migrations } from '@inorder/storage/migrate.ts'
export { SharedSessions } from '@inorder/storage/pool.ts'
export { CommitUnknown, type Tx } from '@inorder/storage/transaction.ts'
export type { Delivery, Waiter } from './delivery.ts'
export { outboxMigrations } from './migrations.ts'
export { type Outbox, type OutboxOptions, openOutbox } from './open-outbox.ts'
export type { PublishedTopic, Relay } from './relay.ts'
export { SetAsideOperator, type SetAsideOptions } from './set-aside.ts'
