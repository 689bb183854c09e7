// The carrier that shipping has when CARRIER_URL names no other.
import { runSandbox } from '@inorder/service/sandbox.ts'

await runSandbox({ name: 'carrier', port: 3007, actions: ['labels', 'cancellations', 'recalls'] })
