export type { Handler } from './handler.ts'
export { type Applied, consume, type Inbox, type InboxOptions } from './inbox.ts'
