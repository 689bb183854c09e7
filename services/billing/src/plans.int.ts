import { readsOnlyWhatIsAskedFor } from '@inorder/service/look-ups.fixture.ts'
import { find, load } from './store.ts'

const rows = (from: number, to: number) =>
  `INSERT INTO invoices (order_id, customer_id, amount, currency, status, asked)
   SELECT 'o-' || n, 'c', 1, 'USD', 'draft', 'nothing' FROM generate_series(${from}, ${to}) AS n`

readsOnlyWhatIsAskedFor('billing', new URL('../migrations', import.meta.url), { table: 'invoices', rows, find, load })
