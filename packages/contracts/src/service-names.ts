/** Those that read the events of an order. */
export const consumers = ['order', 'inventory', 'billing', 'shipping'] as const
/** Those through which an order goes, in its way. */
export const serviceNames = ['cart', ...consumers] as const
export type ServiceName = (typeof serviceNames)[number]
/** Those with slow effects. */
export const withEffects: readonly ServiceName[] = ['billing', 'shipping']

/** In a sentence, where `order` is what it is about. */
export const called = (name: string): string =>
  name === 'cart' ? 'the cart' : name === 'order' ? 'the order service' : name
