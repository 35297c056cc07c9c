// together: quick
import { EventEmitter } from 'node:events'
import { createServer, type Server } from 'node:net'
import t from 'tap'
import { listen } from '../../../core/base/log/listening-port.ts'

/** A server that the system refuses the port; root is refused none. */
const refused = (code: string) =>
  Object.assign(new EventEmitter(), {
    listen(this: EventEmitter) {
      queueMicrotask(() => this.emit('error', Object.assign(new Error(`listen ${code}`), { code })))
    },
  }) as unknown as Server

t.test('a port that cannot be opened is reported with the next step', async (t) => {
  const taken = createServer()
  t.teardown(() => taken.close())
  const { port } = await listen(taken, '127.0.0.1:0', 'proxy.listen_addr')
  const reasons: [Server, RegExp][] = [
    [createServer(), /^Stop the other program on the port/],
    [refused('EACCES'), /below 1024 takes root or CAP_NET_BIND_SERVICE/],
    [refused('EADDRNOTAVAIL'), /an address of this machine/],
  ]
  for (const [server, hint] of reasons) {
    await t.rejects(listen(server, `127.0.0.1:${port}`, 'proxy.listen_addr'), {
      code: 'MEZ_PORT_UNAVAILABLE',
      hint,
    })
  }
})
