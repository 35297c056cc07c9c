// needs: prometheus
// together: programs
/** npm with a Verdaccio registry, a webhook sender and Prometheus, unchanged, with tokens of bots. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'
import { startConnectProxy, startProgram } from './local-programs.ts'
import { npmIn, startVerdaccio } from './npm-programs.ts'
import { startWorld, token } from './world.ts'

const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'mezite-programs-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const reach = { allow: { app_labels: { env: 'test' } } }
const world = await startWorld(t, { roles: { senders: { options: { max_session_ttl: '24h' }, ...reach } } })
const { hub, register, resource } = world
const proxy = await startConnectProxy(t)

/** A bot with a secret. */
async function bot(name: string, more: object = {}): Promise<string> {
  await hub.api('PUT', `/bots/${name}`, {
    kind: 'bot',
    version: 'v1',
    metadata: { name },
    spec: { roles: ['staff'], ...more },
  })
  return (await hub.api<{ secret: string }>('POST', `/bots/${name}/secret`)).secret
}

t.test('npm publishes to Verdaccio and installs from it, with a token in .npmrc', async (t) => {
  const { port, output } = await startVerdaccio(t, dir)
  await register('npm', { uri: `http://127.0.0.1:${port}` })
  const issued = await token(hub, {
    grant_type: 'client_credentials',
    client_id: 'bot:ci',
    client_secret: await bot('ci'),
    resource: resource('npm'),
  })
  const { access_token } = JSON.parse(issued.text)
  const { npm, settings } = npmIn(dir, { registry: resource('npm'), caFile: hub.caFile, proxy })
  settings(access_token)
  const [library, user] = ['library', 'user'].map((name) => join(dir, name)) as [string, string]
  for (const folder of [library, user]) mkdirSync(folder)
  writeFileSync(join(library, 'package.json'), JSON.stringify({ name: 'shop-library', version: '1.2.3' }))
  writeFileSync(join(library, 'index.js'), 'module.exports = 42\n')
  writeFileSync(join(user, 'package.json'), JSON.stringify({ name: 'user', version: '1.0.0', private: true }))
  await npm(library, 'publish')
  await npm(user, 'install', 'shop-library')
  const { stdout } = await run(process.execPath, ['-p', 'require("shop-library")'], { cwd: user })
  t.equal(stdout.trim(), '42')
  settings(`mezite_at_${'x'.repeat(43)}`)
  await t.rejects(npm(library, 'view', 'shop-library'), /401/, 'nobody gets in with another token')
  t.notOk(output.join('').includes(access_token), 'S205 the registry never sees the token')
})

t.test('a webhook sender that can set a header delivers for a day, until the bot is removed', async (t) => {
  const received: unknown[] = []
  const app = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { 'x-mezite-user': user, authorization } = request.headers
    received.push([request.method, request.url, user, authorization, body])
    response.writeHead(202).end('taken')
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    app.closeAllConnections()
    app.close()
  })
  await register('deploys', { uri: `http://127.0.0.1:${(app.address() as AddressInfo).port}` })
  const issued = await token(hub, {
    grant_type: 'client_credentials',
    client_id: 'bot:forge',
    ...{
      client_secret: await bot('forge', { roles: ['senders'], max_token_ttl: '24h' }),
      resource: resource('deploys'),
    },
  })
  const { access_token, expires_in } = JSON.parse(issued.text)
  t.ok(expires_in > 80_000 && expires_in <= 86_400, `${expires_in} s`)
  // The settings that senders have: an address, a header and a body.
  const deliver = async (...headers: readonly string[]) => {
    const { stdout } = await run(
      'curl',
      [
        ...['-sS', '--max-time', '60', '--cacert', hub.caFile, '--proxy', proxy, '-w', '\n%{http_code}'],
        ...['-H', 'content-type: application/json', ...headers.flatMap((header) => ['-H', header])],
        ...['-d', '{"ref":"main"}', `${resource('deploys')}hook?source=forge`],
      ],
      { env: { PATH: process.env.PATH, HOME: dir } },
    )
    return stdout.split('\n').at(-1)
  }
  const held = `Authorization: Bearer ${access_token}`
  t.equal(await deliver(held), '202')
  t.equal(await deliver(`Mezite-Token: ${access_token}`, 'Authorization: Basic of-the-app'), '202')
  t.strictSame(received, [
    ['POST', '/hook?source=forge', 'bot:forge', undefined, '{"ref":"main"}'],
    ['POST', '/hook?source=forge', 'bot:forge', 'Basic of-the-app', '{"ref":"main"}'],
  ])
  t.equal(await deliver(), '401', 'nobody delivers without the header')
  await hub.api('DELETE', '/bots/forge')
  t.equal(await deliver(held), '401', 'S204 nor with the token of a removed bot')
  t.equal(received.length, 2)
})

t.test('Prometheus scrapes as a bot, and no longer once the bot is locked', async (t) => {
  const users: unknown[] = []
  const app = createServer((request, response) => {
    users.push(request.headers['x-mezite-user'], request.headers.authorization)
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end('# TYPE orders_waiting gauge\norders_waiting 42\n')
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    app.closeAllConnections()
    app.close()
  })
  await register('orders', { uri: `http://127.0.0.1:${(app.address() as AddressInfo).port}` })
  const secret = join(dir, 'mezite-secret')
  writeFileSync(secret, await bot('prometheus'))
  chmodSync(secret, 0o600)
  const tls_config = { ca_file: hub.caFile }
  const config = join(dir, 'prometheus.yml')
  // JSON is YAML too. The recipe of the documentation, with the proxy and the authority of this test.
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '500ms', scrape_timeout: '500ms' },
      scrape_configs: [
        {
          job_name: 'orders',
          scheme: 'https',
          tls_config,
          proxy_url: proxy,
          static_configs: [{ targets: [new URL(hub.appUrl('orders')).host] }],
          oauth2: {
            client_id: 'bot:prometheus',
            client_secret_file: secret,
            tls_config,
            proxy_url: proxy,
            token_url: `${hub.signInUrl}/v1/oauth/token`,
            endpoint_params: { resource: resource('orders') },
          },
        },
      ],
    }),
  )
  const address = `127.0.0.1:${await freePort()}`
  const { output } = startProgram(t, 'prometheus', [
    ...[`--config.file=${config}`, `--storage.tsdb.path=${join(dir, 'tsdb')}`],
    ...[`--web.listen-address=${address}`, '--log.level=warn'],
  ])
  const value = async (query: string): Promise<string | undefined> => {
    const answer = await fetch(`http://${address}/api/v1/query?query=${query}`).catch(() => null)
    if (answer === null || !answer.ok) return undefined
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } }
    return data.result[0]?.value[1]
  }
  await until(async () => (await value('orders_waiting')) === '42', `a scrape: ${output.join('')}`)
  t.strictSame([...new Set(users)], ['bot:prometheus', undefined])
  await hub.api('POST', '/locks', { target: { user: 'bot:prometheus' } })
  await until(async () => (await value('up')) === '0', 'S204 the locked bot is refused')
})
