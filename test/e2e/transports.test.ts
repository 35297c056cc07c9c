// needs: nginx, tinyproxy
// long
/** Agents get through over each transport, also through an HTTP proxy and behind balancers that terminate TLS. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createAgent } from '../../agent/agent.ts'
import {
  createTestAgent,
  createTestHub,
  freePort,
  memoryLog,
  type TestAgentOptions,
  type TestHub,
} from '../../core/testing/index.ts'
import http2 from '../../plugins/transport-http2/agent.ts'
import { until } from '../until.ts'
import { joinToken } from './start-agent.ts'

const host = 'hub.mezite.localhost'
interface Test {
  testdir(): string
  teardown(run: () => unknown): void
}
interface Shown {
  readonly hostname: string
  readonly connected: boolean
  readonly transport: string | null
}

let agents = 0
/** An agent in this process, joined and connected. */
async function start(t: Test, hub: TestHub, options: TestAgentOptions = {}) {
  agents += 1
  const hostname = `node-${agents}`
  const agent = await createTestAgent(hub, { hostname, ...options })
  t.teardown(() => agent.stop(500))
  const shown = () => hub.api<Shown>('GET', `/agents/${hostname}`)
  return { agent, lines: agent.log, shown, hostname }
}

/** A program that ends with the test; resolves when its port accepts connections. */
async function run(t: Test, port: number, file: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(file, args, { stdio: 'ignore' })
  // A worker of nginx would outlive a master that is killed.
  t.teardown(async () => {
    if (child.kill()) await once(child, 'exit')
  })
  await until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy()
          resolve(true)
        })
        socket.on('error', () => resolve(false))
      }),
    `${file} accepts connections`,
  )
  return child
}

t.test('a single transport is used for joining and for the link', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  for (const name of ['http2', 'websocket', 'webtransport']) {
    const { shown } = await start(t, hub, { transports: [name] })
    await until(async () => (await shown()).connected, 'the hub sees it')
    t.match(await shown(), { connected: true, transport: name })
  }
})

t.test('an agent finds a hub without http2 over another transport by itself', async (t) => {
  const hub = await createTestHub({
    config: { plugins: { 'transport-http2': false, 'transport-webtransport': false } },
  })
  t.teardown(() => hub.stop())
  const { shown, lines } = await start(t, hub)
  await until(async () => (await shown()).connected, 'the hub sees it')
  t.match(await shown(), { connected: true, transport: 'websocket' })
  t.ok(lines.some((line) => /http2 does not get through/.test(line) && line.includes(`${hub.ports.public}`)))
})

t.test('an agent returns to the preferred transport without dropping a stream', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  // Resets TLS that asks for a tunnel, as a firewall that looks at ALPN does.
  let strict = true
  const firewall = createServer((near) => {
    near.on('error', () => {})
    near.once('data', (hello) => {
      if (strict && hello.includes('mezite-')) return void near.resetAndDestroy()
      const far = connect(hub.ports.public, '127.0.0.1')
      far.on('error', () => near.destroy())
      far.write(hello)
      near.pipe(far).pipe(near)
      t.teardown(() => far.destroy())
    })
  })
  await new Promise<void>((resolve) => firewall.listen(0, '127.0.0.1', resolve))
  t.teardown(() => firewall.close())
  const { port } = firewall.address() as AddressInfo
  const { shown, lines } = await start(t, hub, { proxyAddr: `${host}:${port}`, returnMs: 200 })
  await until(async () => (await shown()).connected, 'the hub sees it')
  t.match(await shown(), { connected: true, transport: 'websocket' })
  strict = false
  await until(async () => (await shown()).transport === 'http2', 'it returns to http2')
  t.notOk(lines.some((line) => /replaced/.test(line)))
})

t.test(
  'each transport passes an HTTP proxy that demands credentials',
  { skip: !existsSync('/usr/bin/tinyproxy') },
  async (t) => {
    // Loopback is never proxied, so the hub has a name that only the proxy behind the proxy knows.
    const name = 'hub.mezite.test'
    const target = await freePort()
    const hub = await createTestHub({ config: { proxy: { public_addr: `${name}:${target}` } } })
    t.teardown(() => hub.stop())
    const upstream = createServer((near) => {
      near.once('data', () => {
        const far = connect(hub.ports.public, '127.0.0.1')
        for (const socket of [near, far]) socket.on('error', () => [near, far].map((each) => each.destroy()))
        near.write('HTTP/1.1 200 OK\r\n\r\n')
        near.pipe(far).pipe(near)
      })
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    t.teardown(() => upstream.close())
    const upstreamPort = (upstream.address() as AddressInfo).port
    const port = await freePort()
    const dir = t.testdir()
    const file = join(dir, 'tinyproxy.conf')
    writeFileSync(
      file,
      `Port ${port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\nBasicAuth agent s3cret\nUpstream http 127.0.0.1:${upstreamPort} "${name}"\nLogFile "${join(dir, 'log')}"\n`,
    )
    await run(t, port, 'tinyproxy', '-d', '-c', file)
    for (const transport of ['http2', 'websocket', 'webtransport']) {
      const { shown } = await start(t, hub, {
        proxyAddr: `${name}:${target}`,
        transports: [transport],
        env: { HTTPS_PROXY: `http://agent:s3cret@127.0.0.1:${port}` },
      })
      await until(async () => (await shown()).connected, 'the hub sees it')
      t.match(await shown(), { connected: true, transport })
    }
    const { token, ca_pin: caPin } = await joinToken(hub.api, 'refused')
    const { log, lines } = memoryLog()
    const refused = createAgent({
      proxyAddr: `${name}:${target}`,
      token,
      caPin,
      hostname: 'refused',
      plugins: [http2],
      log,
      ...{ dataDir: join(dir, 'refused'), env: { HTTPS_PROXY: `http://127.0.0.1:${port}` } },
    })
    t.teardown(() => refused.stop(0))
    void refused.start().catch(() => {})
    await until(() => lines.some((line) => /407/.test(line)), 'it says that credentials are missing')
  },
)

t.test('WebSockets pass a balancer that terminates TLS', async (t) => {
  const hub = await createTestHub({ config: { proxy: { trusted_proxies: ['127.0.0.1/32'] } } })
  t.teardown(() => hub.stop())
  const dir = t.testdir()
  const tls = {
    cert: join(hub.dataDir, 'development-certificate.pem'),
    key: join(hub.dataDir, 'development-key.pem'),
  }
  t.test(
    'nginx passes the WebSockets of agents to the hub',
    { skip: !existsSync('/usr/sbin/nginx') },
    async (t) => {
      const port = await freePort()
      const file = join(dir, 'nginx.conf')
      writeFileSync(
        file,
        `daemon off; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log; events {}
       http { access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f;
         uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
         server { listen 127.0.0.1:${port} ssl; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};
           location / { proxy_pass https://127.0.0.1:${hub.ports.public}; proxy_http_version 1.1;
             proxy_ssl_server_name on; proxy_ssl_name ${host}; proxy_set_header Host ${host}:${hub.ports.public};
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
             proxy_set_header X-Forwarded-For $remote_addr; proxy_read_timeout 1h; } } }`,
      )
      await run(t, port, '/usr/sbin/nginx', '-c', file, '-p', dir)
      const { shown } = await start(t, hub, { proxyAddr: `${host}:${port}`, transports: ['websocket'] })
      await until(async () => (await shown()).connected, 'the hub sees it')
      t.match(await shown(), { connected: true, transport: 'websocket' })
      const fallback = await start(t, hub, { proxyAddr: `${host}:${port}` })
      await until(async () => (await fallback.shown()).connected, 'the hub sees it')
      t.match(await fallback.shown(), { transport: 'websocket' }, 'and an agent finds that out')
    },
  )
})
