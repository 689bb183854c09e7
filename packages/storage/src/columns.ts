/**
 * Rows as the arrays that `unnest` makes rows of again, the one way of sending many: one array a column. `cells` gives a
 * row's, always as many; without a row there is no column. So the allocator, whose statements often have no row,
 * sends its rows as one JSON text, to `json_to_recordset`.
 */
export function columns<Row>(rows: Iterable<Row>, cells: (row: Row) => unknown[]): unknown[][] {
  const all: unknown[][] = []
  let n = 0
  for (const row of rows) {
    for (const [i, cell] of cells(row).entries()) {
      all[i] ??= []
      all[i][n] = cell
    }
    n++
  }
  return all
}
