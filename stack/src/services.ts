/** One line a service; its code is `services/<name>/src/main.ts`. */
export interface Service {
  name: string
  port: number
  database: string
}

export const services: Service[] = [
  { name: 'cart', port: 3001, database: 'inorder_cart' },
  { name: 'order', port: 3002, database: 'inorder_order' },
]
