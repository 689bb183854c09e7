// A client whose types are generated from the services' OpenAPI, as tsc sees it.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import openapiTypes from 'openapi-typescript'
import type { OpenApi } from './openapi.ts'
import { root } from './starter.ts'

/** Uses the types of two services as a program would. */
const client = `
import type { components, operations } from './cart.ts'
import type { paths } from './order.ts'

export type NewOrder = operations['createOrder']['requestBody']['content']['application/json']
export const order: NewOrder = { orderId: 'o-1', itemsNum: 3 }
export const totalOf = ({ items }: components['schemas']['Order']): number =>
  items.reduce((total, { quantity, price }) => total + quantity * price, 0)
type Details = paths['/order-details']['get']
export const query: Details['parameters']['query'] = { orderId: 'o-1', minVersion: 2 }
export const costOf = (details: Details['responses']['200']['content']['application/json']): number =>
  details.shippingCost
`
const wrong = `
import type { NewOrder } from './client.ts'

export const order: NewOrder = { orderId: 1 }
`
const compilerOptions = {
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  module: 'nodenext',
  types: [],
}

/** The files and numbers of the errors in the types of all services, client.ts (there is none) and wrong.ts (one). */
export async function typeErrors(documents: ReadonlyMap<string, OpenApi>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  try {
    for (const [service, document] of documents)
      writeFileSync(join(folder, `${service}.ts`), await openapiTypes(structuredClone(document) as never))
    writeFileSync(join(folder, 'client.ts'), client)
    writeFileSync(join(folder, 'wrong.ts'), wrong)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
    const tsc = join(root, 'node_modules/typescript/lib/tsc.js')
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '--pretty', 'false'], { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    )
    return [...stdout.matchAll(/^(\S.*?)\(\d+,\d+\): error (\w+)|^\S.*/gm)].map(([line, file, error]) =>
      file ? `${file} ${error}` : line,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
