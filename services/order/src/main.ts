// The order service: reads every change of every order, and answers what it knows of them.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { heldAmong } from '@inorder/messaging/inbox/parked-listing.ts'
import { runConsumer } from '@inorder/service/consumer.ts'
import { handled, orderHandler } from './handlers.ts'
import { orderRoutes } from './routes.ts'
import { versionsOf } from './store.ts'
import { VersionWaits } from './version-waits.ts'

await runConsumer({
  name: 'order',
  port: 3002,
  openapi: { title: 'Order service', description: 'Orders with their shipping cost, as read from Kafka.' },
  migrations: new URL('../migrations', import.meta.url),
  build({ pool, logger }) {
    const waits = new VersionWaits({
      versionsOf: (orderIds) => versionsOf(pool, orderIds),
      heldAmong: (orderIds) => heldAmong(pool, orderIds),
      onPollFailed: (error) => logger.debug({ err: error }, 'cannot ask for the versions that are waited for'),
    })
    return {
      handler: orderHandler,
      onApplied: handled(waits),
      routes: (inbox) => orderRoutes({ pool, logger, waits, topic: orderEvents.name, inbox }),
    }
  },
})
