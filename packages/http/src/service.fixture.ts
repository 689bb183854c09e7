// A service whose life goes as its argument says.
import { Type } from 'typebox'
import { createApp } from './app.ts'
import { serviceConfig } from './config.ts'
import { runService } from './service.ts'

const mode = process.argv[2] ?? ''
const never = new Promise<never>(() => {})

await runService({
  name: 'fixture',
  schema: Type.Object(serviceConfig('fixture', 3009)),
  async start({ config, logger, metrics, stopping, onClose }) {
    const closing = (what: string, close: () => Promise<unknown>) =>
      onClose(what, () => {
        logger.info(`closing ${what}`)
        return close()
      })
    closing('database', async () => {})
    if (mode === 'hangs') closing('hanging', () => never)
    else if (mode === 'well') closing('failing', () => Promise.reject(new Error('cannot close')))
    if (mode === 'throws at start') throw new Error(mode)
    const openapi = { title: 'Fixture', description: 'Its life goes as its argument says.' }
    const ready = async () => []
    const app = await createApp({ service: 'fixture', logger, metrics, ready, stopping, openapi, access: config })
    app.get('/held', () => {
      logger.info('held')
      return never
    })
    if (mode === 'starts for ever') {
      logger.info('starting')
      setInterval(() => {}, 1000)
      await never
    }
    closing('http', () => app.close())
    await app.listen({ host: config.HOST, port: config.PORT })
    if (mode === 'throws later')
      setImmediate(() => {
        throw new Error(mode)
      })
    if (mode === 'rejects later') setImmediate(() => Promise.reject(new Error(mode)))
  },
})
