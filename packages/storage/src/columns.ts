/** Rows as the arrays that `unnest` makes rows of again: one array a column. `cells` gives a row's, always as many; without a row there is no column. */
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
