// @inorder/messaging/inbox: Kafka -> database. README.md explains it; the workspace imports the files themselves.
export type { Effect } from './effect.ts'
export type { AppliedEvent, Handler } from './handler.ts'
export { type Applied, Inbox, type InboxOptions, type Ops } from './inbox.ts'
export { inboxMigrations } from './migrations.ts'
export type { Discard, ParkedDetail, ParkedEvent, ParkedKey, Redrive, Redriven } from './ops.ts'
export { copiesOf } from './parked-copies.ts'
export type { Pause, PauseTarget } from './pause.ts'
export type { PauseOps } from './pause-operator.ts'
