export { addToOutbox, type OutboxRecord } from './outbox.ts'
export { Relay, type RelayOptions } from './relay.ts'
