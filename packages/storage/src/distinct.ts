/**
 * A common table `name`, recursive, of the values of `column` and a NULL, each found behind the one before by an index: what
 * has a million rows is read no more of than what has one. `from` is a table with its condition, `order` the sequence of the
 * index that has the column first; by another one a value is met through all rows of the one before.
 */
export const distinct = (name: string, column: string, from: string, order = column) => `${name} AS (
  (SELECT ${column} FROM ${from} ORDER BY ${order} LIMIT 1)
  UNION ALL
  SELECT (SELECT ${column} FROM ${from} AND ${column} > ${name}.${column} ORDER BY ${order} LIMIT 1)
  FROM ${name} WHERE ${name}.${column} IS NOT NULL
)`
