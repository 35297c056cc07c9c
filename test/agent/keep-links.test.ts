import t from 'tap'
import { startTunnelHub } from '../hub/tunnel/start-tunnel-hub.ts'

t.test(
  'links that end at once are tried for ever more slowly, and one that lasted is replaced quickly',
  async (t) => {
    // The longest waits of all that may be.
    t.intercept(Math, 'random', { value: () => 1 })
    const hub = await startTunnelHub()
    t.teardown(() => hub.close())
    const connections = () => hub.changed.filter(({ connected }) => connected).length
    const cut = async (): Promise<number> => {
      const [before, at] = [connections(), performance.now()]
      hub.tunnel.disconnect('node-1', 'test')
      await hub.until(() => connections() > before, 'it is back')
      return performance.now() - at
    }
    await hub.agent({ token: await hub.token() }).start()
    await hub.until(() => connections() === 1, 'it is connected')
    let waitedMs = 0
    for (let round = 0; round < 5; round++) waitedMs = await cut()
    t.ok(waitedMs > 900, `the fifth time after ${waitedMs} ms`)
    // A busy machine may be late once.
    const quick: number[] = []
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1_100))
      quick.push(await cut())
    }
    t.ok(Math.min(...quick) < 800, `after a second of service it is back in ${quick} ms`)
  },
)
