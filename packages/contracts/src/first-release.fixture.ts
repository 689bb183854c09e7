// What the first release wrote into logs that are still read: its schema as it is registered, and an event in its bytes.

export const firstSchema =
  '{"type":"record","name":"OrderEvent","namespace":"inorder.v1","doc":"A change of an order that the cart has accepted, with the whole order after it. Key: orderId.","fields":[{"name":"eventId","type":{"type":"string","logicalType":"uuid"}},{"name":"type","type":"string","doc":"OrderCreated, OrderStatusChanged; a string, as an enum cannot grow"},{"name":"orderId","type":"string"},{"name":"version","type":"long","doc":"Of the order after the change: 1, 2, 3, ..."},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"order","type":{"type":"record","name":"Order","fields":[{"name":"orderId","type":"string"},{"name":"customerId","type":"string"},{"name":"orderDate","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"itemId","type":"string"},{"name":"quantity","type":"int"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":19,"scale":4}}]}}},{"name":"totalAmount","type":{"type":"bytes","logicalType":"decimal","precision":19,"scale":4}},{"name":"currency","type":"string","doc":"ISO 4217"},{"name":"status","type":"string"}]}},{"name":"previousStatus","type":["null","string"],"default":null,"doc":"null for a created order"}]}'

export const firstBody = Buffer.from(
  '4831623465323862612d326661312d313164322d383833662d303031366433636361343237244f726465725374617475734368616e676564066f2d3104e6d4bb8cc168066f2d3106632d31f0d2bb8cc1680206692d310406030cdc00060619b806555344087061696402066e6577',
  'hex',
)
