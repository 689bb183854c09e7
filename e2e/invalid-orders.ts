// Bodies that `POST /create-order` refuses, each with the fields that its answer has to name.
const order = {
  orderId: 'never-stored',
  customerId: 'c-1',
  items: [{ itemId: 'i-1', quantity: 2, price: 1.25 }],
}

const item = (changed: object) => ({ ...order, items: [{ itemId: 'i-1', quantity: 2, price: 1.25, ...changed }] })

export const invalidOrders: [what: string, body: unknown, fields: string[]][] = [
  ['nothing in it', {}, ['orderId', 'itemsNum']],
  ['neither itemsNum nor items', { orderId: 'never-stored' }, ['itemsNum']],
  ['itemsNum and items', { ...order, itemsNum: 1 }, ['itemsNum']],
  ['a number as text', { orderId: 'never-stored', itemsNum: '3' }, ['itemsNum']],
  ['itemsNum 0', { orderId: 'never-stored', itemsNum: 0 }, ['itemsNum']],
  ['itemsNum 101', { orderId: 'never-stored', itemsNum: 101 }, ['itemsNum']],
  ['itemsNum with a fraction', { orderId: 'never-stored', itemsNum: 1.5 }, ['itemsNum']],
  ['an empty orderId', { orderId: '', itemsNum: 1 }, ['orderId']],
  ['an orderId of 129 code points', { orderId: '🛒'.repeat(129), itemsNum: 1 }, ['orderId']],
  ['the orderId .', { orderId: '.', itemsNum: 1 }, ['orderId']],
  ['the orderId ..', { orderId: '..', itemsNum: 1 }, ['orderId']],
  ['ids that are dots', item({ itemId: '..' }), ['items[0].itemId']],
  ['an orderId with NUL', { orderId: 'a\u0000b', itemsNum: 1 }, ['orderId']],
  ['an orderId with a line break', { orderId: 'a\nb', itemsNum: 1 }, ['orderId']],
  ['an orderId with a C1 control character', { orderId: 'a\u0085b', itemsNum: 1 }, ['orderId']],
  ['an orderId that is half a surrogate pair', '{"orderId":"a\\ud83d","itemsNum":1}', ['orderId']],
  ['an orderId that is a number', { orderId: 3, itemsNum: 1 }, ['orderId']],
  ['an unknown field', { orderId: 'never-stored', itemsNum: 1, colour: 'red' }, ['colour']],
  ['an unknown field in an item', item({ colour: 'red' }), ['items[0].colour']],
  ['no customerId', { ...order, customerId: undefined }, ['customerId']],
  ['no items', { ...order, items: [] }, ['items']],
  ['1001 items', { ...order, items: Array(1001).fill(order.items[0]) }, ['items']],
  ['an empty itemId', item({ itemId: '' }), ['items[0].itemId']],
  ['quantity 0', item({ quantity: 0 }), ['items[0].quantity']],
  ['quantity 1,000,001', item({ quantity: 1_000_001 }), ['items[0].quantity']],
  ['quantity with a fraction', item({ quantity: 1.5 }), ['items[0].quantity']],
  ['a price below 0', item({ price: -0.01 }), ['items[0].price']],
  ['a price of 5 decimals', item({ price: 0.00001 }), ['items[0].price']],
  ['a price too high', item({ price: 100_000_000 }), ['items[0].price']],
  ['a price as text', item({ price: '1.25' }), ['items[0].price']],
  ['a price beyond all numbers', JSON.stringify(item({ price: 7 })).replace('7', '1e400'), ['items[0].price']],
  ['a total that is not the sum', { ...order, totalAmount: 2.51 }, ['totalAmount']],
  ['a currency that is none', { ...order, currency: 'ZZZ' }, ['currency']],
  ['a currency in small letters', { ...order, currency: 'usd' }, ['currency']],
  ['an orderDate without a time', { ...order, orderDate: '2026-11-23' }, ['orderDate']],
  ['an orderDate elsewhere', { ...order, orderDate: '2026-11-23T14:20:19.000+01:00' }, ['orderDate']],
  ['an orderDate too fine', { ...order, orderDate: '2026-11-23T14:20:19.0001Z' }, ['orderDate']],
  ['an orderDate that no calendar has', { ...order, orderDate: '2026-02-30T14:20:19.000Z' }, ['orderDate']],
  ['an empty status', { ...order, status: '' }, ['status']],
  ['a status of 65 characters', { ...order, status: 's'.repeat(65) }, ['status']],
  [
    'many at once',
    { orderId: '', customerId: 7, items: [{ itemId: 'i-1', quantity: 'x', price: -1 }], currency: 'euro', status: '' },
    ['orderId', 'customerId', 'items[0].quantity', 'items[0].price', 'currency', 'status'],
  ],
]

/** Refused as a whole: there is no field to name. */
export const notAnOrder: [what: string, body: string | Buffer][] = [
  ['nothing', ''],
  ['no JSON', '{"orderId":'],
  ['an array', '[]'],
  ['null', 'null'],
  ['text', '"o-1"'],
  ['NaN', '{"orderId":"never-stored","itemsNum":NaN}'],
  ['__proto__', '{"orderId":"never-stored","itemsNum":1,"__proto__":{"a":1}}'],
  ['50,000 nested arrays', '['.repeat(50_000) + ']'.repeat(50_000)],
  [
    'invalid UTF-8',
    Buffer.concat([Buffer.from('{"orderId":"'), Buffer.from([0xc3, 0x28]), Buffer.from('","itemsNum":1}')]),
  ],
]
