// in: test/packaging/packages.test.ts
/** The sink with a spool. `test/packaging/packages.test.ts` runs it from packed packages. */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { type AuditEvent, auditSinks } from '@mezite/core'
import { conformAuditSink, conformPlugin, createTestHost } from '@mezite/core/testing'
import t from 'tap'
import syslogSink from '../../examples/syslog-sink/hub.ts'

async function until(done: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !done(); await new Promise((go) => setTimeout(go, 10)))
    if (Date.now() > end) throw new Error('it did not happen')
}

/** A syslog server that reads counted frames, and can be away. */
async function startSyslog(port = 0) {
  const messages: string[] = []
  const server = createServer((socket) => {
    let rest = Buffer.alloc(0)
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk])
        for (;;) {
          const [head, length] = /^(\d+) /.exec(rest.subarray(0, 12).toString('latin1')) ?? []
          const end = head === undefined ? 0 : head.length + Number(length)
          if (head === undefined || rest.length < end) return
          messages.push(rest.subarray(head.length, end).toString())
          rest = rest.subarray(end)
        }
      })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { messages, port: (server.address() as AddressInfo).port, server }
}

t.test('syslog-sink keeps events on the disk until the server has them', async (t) => {
  conformPlugin(t, syslogSink, {
    config: { server: 'logs:514', spool: '/none' },
    refused: [{}, { server: 'logs', spool: '/none' }],
  })
  const folder = t.testdir()
  const eventsIn = (messages: readonly string[]) =>
    messages.map((text) => JSON.parse(text.slice(text.indexOf('{'))) as AuditEvent)
  let spools = 0
  const open = async (port: number, spool = join(folder, `spool-${++spools}`)) => {
    const config = { server: `127.0.0.1:${port}`, spool, retry: '10ms' }
    const host = createTestHost(syslogSink, { config })
    await host.start()
    const [sink] = host.slot(auditSinks)
    return { sink: sink!, spool, stop: host.stop, log: host.log }
  }
  conformAuditSink(t, async () => {
    const { messages, port, server } = await startSyslog()
    const { sink, spool, stop } = await open(port)
    const read = async () => {
      await until(() => readdirSync(spool).length === 0)
      return eventsIn(messages)
    }
    return { sink, read, close: () => stop().finally(() => server.close()) }
  })

  const { port, server } = await startSyslog()
  await new Promise((resolve) => server.close(resolve))
  const first = await open(port)
  const line = (id: string, success = true) =>
    `${JSON.stringify({ id, time: '2030-01-01T00:00:00.000Z', hub: 'h1', type: 'user.login', success })}\n`
  await first.sink.write(line('one'), 1)
  await until(() => first.log.some((text) => /wait in the spool/.test(text)))
  await first.stop()
  t.equal(readdirSync(first.spool).length, 1, 'a stop loses nothing')
  const second = await open(port, first.spool)
  await second.sink.write(line('two', false), 1)
  const { messages, server: back } = await startSyslog(port)
  t.teardown(() => back.close())
  await until(() => messages.length === 2)
  await until(() => readdirSync(first.spool).length === 0)
  await second.stop()
  t.match(messages[0], /^<110>1 2030-01-01T00:00:00\.000Z h1 mezite - user\.login - \{"id":"one"/)
  t.match(messages[1], /^<108>1 .*"id":"two"/)
})
