import { readFileSync } from 'node:fs'
import { Gauge, type Registry } from 'prom-client'

const release = new URL('../../../package.json', import.meta.url)

/** `inorder_build_info`: which release runs, on which Node. */
export function buildInfo(registry: Registry): void {
  const { version } = JSON.parse(readFileSync(release, 'utf8'))
  const help = 'Always 1; its labels say which release this is, and on which Node it runs'
  const labelNames = ['version', 'node']
  const info = new Gauge({ name: 'inorder_build_info', help, labelNames, registers: [registry] })
  info.set({ version, node: process.versions.node }, 1)
}
