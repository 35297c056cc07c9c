// together: quick
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import type { LoadedConfig } from '../../core/hub/config/config-loader.ts'
import { firstChecks } from '../../core/program/first-checks.ts'
import { freePort } from '../../core/testing/index.ts'

/** What is missing on a machine whose public port is `port`. */
async function missing(acme: string | null, port: number, more: object = {}): Promise<string[]> {
  const proxy = {
    listen_addr: { host: '127.0.0.1', port: await freePort() },
    public_addr: { host: 'hub.localhost', port },
    apps_domain: ['apps.localhost'],
    ...more,
  }
  const config = { proxy, signInHost: 'hub.localhost', data_dir: '/var/lib/mezite' }
  const checks = await firstChecks({ config, plugins: [] } as unknown as LoadedConfig, acme)
  return checks.flatMap(({ missing }) => missing ?? [])
}

t.test('names that resolve to this machine pass the check of an authority', async (t) => {
  const port = await freePort()
  const listen_addr = { host: '127.0.0.1', port }
  t.strictSame(await missing('https://ca.example/dir', port, { listen_addr }), [])
  t.strictSame(await missing('https://ca.example/dir', port, { listen_addr }), [], 'the port is free again')
  const [only] = await missing('letsencrypt', port, { listen_addr })
  t.match(only, /letsencrypt checks names on port 443 only, not on \d+: forward port 443/)
  const [first, ...rest] = await missing(null, port, { listen_addr })
  t.match(first, /development certificate/)
  t.strictSame(rest, [], 'without an authority nobody must reach the port')
})

t.test('init reports which name, address and port an authority does not reach', async (t) => {
  const closed = await freePort()
  t.match(await missing('https://ca.example/dir', closed), [
    `hub.localhost: 127.0.0.1:${closed} does not answer (ECONNREFUSED): open the port in the firewall`,
    `app.apps.localhost: 127.0.0.1:${closed} does not answer (ECONNREFUSED)`,
  ])
  const other = createServer((socket) => socket.on('error', () => {}).write('SSH-2.0\r\n'))
  await once(other.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  t.match(await missing('https://ca.example/dir', port, { apps_domain: undefined }), [
    `hub.localhost: another program answers at 127.0.0.1:${port}: change the DNS record`,
  ])
  const listen_addr = { host: '127.0.0.1', port }
  t.match(await missing('https://ca.example/dir', port, { listen_addr, apps_domain: undefined }), [
    /EADDRINUSE/,
  ])
  const public_addr = { host: 'hub.invalid', port: closed }
  t.match(
    await missing('https://ca.example/dir', closed, { public_addr }),
    ['hub.invalid does not resolve: add the DNS record'],
    'a name without an address',
  )
})
