// node bench/src/compare.ts <another folder of this project> [services]: here and there.
import { resolve } from 'node:path'
import { comparePairs } from './pairs.ts'

const [other, services] = process.argv.slice(2)
if (!other) throw new Error('which folder is this one to be compared with?')
await comparePairs([{ name: 'here' }, { name: 'other', root: resolve(other) }], {
  LOG_LEVEL: 'warn',
  ...(services && { INORDER_SERVICES: services }),
})
