// SQL that gives a service orders as if it had run for long: `filled-0000001` and on, all at version 1.

/** Of the row `n` of a series. */
export const filledId = `'filled-' || lpad(n::text, 8, '0')`
export const series = (rows: number): string => `FROM generate_series(1, ${rows}) AS n`

const body = (more: string) => `format('{"orderId":"%s","customerId":"c-%s","orderDate":"2026-01-01T00:00:00.000Z",
  "items":[{"itemId":"pen","quantity":1,"price":1}],"totalAmount":1,"currency":"USD"${more}}', ${filledId}, n % 1000)::json`

export const ordersOfCart = (rows: number): string => `
INSERT INTO orders (order_id, version, event_id, status, body)
SELECT ${filledId}, 1, md5(n::text)::uuid, 'new', ${body('')} ${series(rows)}`

export const ordersReceived = (rows: number): string => `
INSERT INTO orders (order_id, version, status, customer_id, shipping_cost, body)
SELECT ${filledId}, 1, (ARRAY['new', 'shipped', 'delivered'])[1 + n % 3], 'c-' || n % 1000, 0.02, ${body(',"status":"new"')}
${series(rows)};
INSERT INTO order_version (order_id, version, status, occurred_at, event_id)
SELECT ${filledId}, 1, 'new', now(), md5(n::text)::uuid ${series(rows)}`

/** What an inbox knows of them, as batches of 1,000 left it; a hundredth of them is held. */
export const keysReceived = (rows: number): string => `
INSERT INTO inbox_key (key, applied_version, event_id, held, applied_at, arrived_at)
SELECT ${filledId}, 1, md5(n::text), n <= ${rows / 100}, now(), to_timestamp((n + 999) / 1000) ${series(rows)};
INSERT INTO topic_keys (topic, last, keys, arrived_at)
SELECT 'order-events', (SELECT coalesce(max(last), 0) FROM topic_keys) + page * 1000,
  ARRAY(SELECT ${filledId} FROM generate_series(page * 1000 - 999, page * 1000) AS n), to_timestamp(page)
FROM generate_series(1, ${rows / 1000}) AS page`
