// The payment gateway that billing has when PAYMENT_URL names no other.
import { runSandbox } from '@inorder/service/sandbox.ts'

await runSandbox({ name: 'payment', port: 3006, actions: ['charges', 'refunds'] })
