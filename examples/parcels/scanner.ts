// The producer. `node scanner.ts p-1:Hamburg p-2:Bremen p-1:Berlin` scans parcels at depots: each scan is stored together
// with its event, and the event goes to Kafka.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createTopic } from '@inorder/messaging/kafka'
import { openOutbox, outboxMigrations } from '@inorder/messaging/outbox'
import { pino } from 'pino'
import { connections } from './connections.ts'
import { parcels } from './parcel.ts'

const outbox = openOutbox({
  ...connections('scanner'),
  instance: 'scanner-1',
  topics: [parcels],
  logger: pino({ level: 'warn' }),
})
await createTopic(parcels, outbox)
const own = { name: 'scanner', path: join(import.meta.dirname, 'migrations/scanner') }
await outbox.start([...outboxMigrations, own])
await outbox.relay.contact

for (const scan of process.argv.slice(2)) {
  const [parcelId = '', depot = ''] = scan.split(':')
  console.log(scan, await move(parcelId, depot))
}
await outbox.close()

/** Whether Kafka has the event already. It is stored in any case, and will get there. */
async function move(parcelId: string, depot: string): Promise<'delivered' | 'pending'> {
  const eventId = randomUUID()
  const waiter = outbox.relay.delivery.expect(eventId)
  await outbox.transaction(async (tx) => {
    // The statement locks the parcel: two scans of one parcel have their versions, and events, in the same order.
    const { rows } = await tx.query<{ version: number }>(
      `INSERT INTO parcel (parcel_id, version, depot) VALUES ($1, 1, $2)
       ON CONFLICT (parcel_id) DO UPDATE SET version = parcel.version + 1, depot = excluded.depot
       RETURNING version`,
      [parcelId, depot],
    )
    await outbox.add(tx, parcels, { eventId, parcelId, version: rows[0]!.version, depot })
  })
  return waiter.within(5_000)
}
