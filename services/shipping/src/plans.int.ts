import { readsOnlyWhatIsAskedFor } from '@inorder/service/look-ups.fixture.ts'
import { find, load } from './store.ts'

const rows = (from: number, to: number) =>
  `INSERT INTO shipments (order_id, status, shipping_cost, currency, handed_over)
   SELECT 'o-' || n, 'quoted', 1, 'USD', false FROM generate_series(${from}, ${to}) AS n`

readsOnlyWhatIsAskedFor('shipping', new URL('../migrations', import.meta.url), { table: 'shipments', rows, find, load })
