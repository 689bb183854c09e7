/** One entry a service; its code is `services/<name>/src/main.ts`. */
export interface Service {
  name: string
  port: number
  /** Its own database. Of what has none there is one, however many instances of the services run. */
  database?: string
  /**
   * It stands in for something outside (a sandbox), and has a file, DATA_FILE: the setting that tells the services where it
   * is. Given by the user, it is not started.
   */
  standsInFor?: string
}

export const services: Service[] = [
  { name: 'cart', port: 3001, database: 'inorder_cart' },
  { name: 'order', port: 3002, database: 'inorder_order' },
  { name: 'inventory', port: 3003, database: 'inorder_inventory' },
  { name: 'billing', port: 3004, database: 'inorder_billing' },
  { name: 'shipping', port: 3005, database: 'inorder_shipping' },
  { name: 'payment', port: 3006, standsInFor: 'PAYMENT_URL' },
  { name: 'carrier', port: 3007, standsInFor: 'CARRIER_URL' },
  { name: 'console', port: 3000 },
]
