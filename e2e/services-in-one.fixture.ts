// Services in one process, each at its port of PORTS (JSON, by name), begun one after the other as they read one environment.
// For what they answer before they have reached anything: loading seven processes takes 15 s of processor time, this 4.
import { until } from '@inorder/testing/until.ts'

for (const [name, port] of Object.entries<number>(JSON.parse(process.env.PORTS ?? '{}'))) {
  process.env.PORT = String(port)
  // It goes on for as long as the service has no database.
  void import(new URL(`../services/${name}/src/main.ts`, import.meta.url).href)
  await until(`${name} answers`, () => fetch(`http://127.0.0.1:${port}/health/live`))
}
