import t from 'tap'
import type { LiveLink } from '../../core/hub/tunnel/live-link.ts'
import { joined, startApp } from '../hub/tunnel/start-app.ts'
import { startTunnelHub, testApp } from '../hub/tunnel/start-tunnel-hub.ts'

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

t.test(
  'what a link says after another has taken over replaces nothing, and what is open goes on',
  async (t) => {
    const hub = await joined(t)
    const app = testApp((await startApp(t, (socket) => socket.resume())).uri, ['node-1'])
    const inUse = () => hub.tunnel.links()[0] as unknown as LiveLink
    const closed: string[] = []
    const hold = async (name: string) => {
      const pipe = await hub.tunnel.open(app)
      pipe.onclose = () => void closed.push(name)
    }
    const first = inUse()
    await hold('on the first')
    first.send({ type: 'renew_now' })
    await hub.until(() => inUse() !== first, 'a link on the new certificate takes over')
    const second = inUse()
    await hold('on the second')

    for (const type of ['renew_now', 'move']) first.send({ type })
    // Longer than a try may wait.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    t.equal(inUse(), second)
    t.same(closed, [])

    second.moving = true
    second.send({ type: 'move' })
    await hub.until(() => inUse() !== second, 'the hub has asked for another link')
    await hold('on the third')
    t.same(closed, [], 'and each goes on where it began')
  },
)
