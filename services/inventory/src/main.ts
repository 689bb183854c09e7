// The inventory service: reads every change of every order, and says what of the stock is whose.
import { runConsumer } from '@inorder/service/consumer.ts'
import { Allocator } from './allocator.ts'
import { demandHandler } from './handlers.ts'
import { inventoryRoutes } from './routes.ts'

await runConsumer({
  name: 'inventory',
  port: 3003,
  openapi: { title: 'Inventory service', description: 'Stock of items, and what of it is reserved for which order.' },
  migrations: new URL('../migrations', import.meta.url),
  build({ pool, logger, onClose }) {
    const allocator = new Allocator(pool, logger)
    onClose('allocator', () => allocator.close())
    return {
      handler: demandHandler,
      start: () => allocator.start(),
      onApplied: () => allocator.wake(),
      routes: () => inventoryRoutes(pool, allocator),
    }
  },
})
