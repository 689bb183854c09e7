// Stock for a first look. The items of generated orders are made up: nobody has counted any of them, and each such order
// would wait for goods for ever.
import { databaseOf, onServer } from './databases.ts'
import { StartFailure } from './failure.ts'

const ofEach = 1_000_000

/** Adds `item-1` to `item-1099` where the inventory has no such row, and says how many that were. Its allocator looks who waits for them. */
export async function seedStock(server: string): Promise<number> {
  try {
    return await onServer(databaseOf(server, 'inorder_inventory'), async (client) => {
      const { rowCount } = await client.query(
        `INSERT INTO stock (item_id, on_hand, received, recheck)
         SELECT 'item-' || n, $1, $1, now() FROM generate_series(1, 1099) AS n ON CONFLICT DO NOTHING`,
        [ofEach],
      )
      return rowCount ?? 0
    })
  } catch (error) {
    throw new StartFailure(
      `the stock could not be seeded: ${(error as Error).message}. SEED_STOCK=off leaves it as it is`,
    )
  }
}

export const seededLine = (items: number): string =>
  `stock: ${ofEach.toLocaleString('en')} each of ${items.toLocaleString('en')} items, of which generated orders are made (SEED_STOCK=off leaves it empty)`
