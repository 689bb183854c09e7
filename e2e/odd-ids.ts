/** Order ids that are valid, and each a trap for a path, a query, a log line or an object's property. */
export const oddIds = [
  'żółw-注文-🛒',
  'a/b//c',
  '...',
  '../../etc',
  '%2F%00',
  ' a b ',
  '?a=1&b=2#c',
  `'"; DROP TABLE orders`,
  'back\\slash',
  '__proto__',
  'constructor',
  '*',
  '@order-events:0:0',
  // One letter or two code points: not the same id.
  '\u00e9',
  'e\u0301',
  'x'.repeat(128),
  '🛒'.repeat(128),
]
