// together: quick
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { secretVariable } from '../../../core/base/loader/secret-variable.ts'
import { loadConfig, readConfig } from '../../../core/hub/config/config-loader.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { MezError } from '../../../core/kernel/error.ts'
import {
  developmentCertificate,
  developmentFiles,
} from '../../../core/program/parts/development-certificate.ts'
import { readEncryptionKey } from '../../../core/state/secrets/encryption-key.ts'
import { root } from '../../read-imports.ts'

const OFFICE_HOURS = join(import.meta.dirname, '../../../examples/office-hours')

const MINIMAL = `
proxy:
  listen_addr: 127.0.0.1:0
  public_addr: Hub.Mezite.localhost:3443
`

type Dir = { testdir(): string }

function write(t: Dir, yaml: string): string {
  const file = join(t.testdir(), 'mezhub.yaml')
  writeFileSync(file, yaml, { mode: 0o600 })
  return file
}

const load = (t: Dir, yaml: string, env: Record<string, string> = {}) =>
  loadConfig({ file: write(t, yaml), env, standard: [] })

/** The lines of problems, without the folder of the file. */
async function problems(t: Dir, yaml: string, env: Record<string, string> = {}): Promise<string[]> {
  const file = write(t, yaml)
  const error: unknown = await loadConfig({ file, env, standard: [] }).then(
    () => new Error('it loaded'),
    (reason) => reason,
  )
  if (!(error instanceof MezError) || error.code !== 'MEZ_CONFIG_INVALID') throw error
  const lines = error.message.split('\n').slice(1)
  return lines.map((line) => line.trim().replace(file, 'F'))
}

/** A plugin of the hub as a file. */
const plugin = (name: string, more: string) =>
  `export default { side: 'hub', name: '${name}', api: 1, summary: '', setup() {}, ${more} }`

/** A certificate for the names, with its key. */
const certify = (dir: string, names: readonly string[]) =>
  developmentCertificate(dir, [...names], systemClock)

t.test('defaults fill everything but the public address', async (t) => {
  const { config, plugins, warnings } = await load(t, MINIMAL)
  t.match(config, {
    cluster_name: 'hub.mezite.localhost',
    data_dir: '/var/lib/mezite',
    shutdown_grace: 25_000,
    log: { level: 'info', format: 'json' },
    database: { driver: 'embedded' },
    proxy: {
      listen_addr: { host: '127.0.0.1', port: 0 },
      public_addr: { host: 'hub.mezite.localhost', port: 3443 },
      processes: 1,
      shutdown_delay: 5_000,
      https_keypair: undefined,
      apps_domain: undefined,
      trusted_proxies: { length: 0 },
      proxy_protocol: 'off',
    },
    signInHost: 'hub.mezite.localhost',
    publicNames: {
      hubOrigin: 'https://hub.mezite.localhost:3443',
      signInOrigin: 'https://hub.mezite.localhost:3443',
      portSuffix: ':3443',
      appsDomain: null,
      appsDomains: [],
      hsts: false,
    },
    tunnel: { transports: undefined },
    sessions: { stream_staleness: 30_000 },
    diagnostics: { listen_addr: { host: '127.0.0.1', port: 3081 } },
  })
  t.strictSame(plugins, [])
  t.match(warnings, [/development certificate/])
  t.ok(Object.isFrozen(config) && Object.isFrozen(config.proxy.listen_addr))
})

t.test(
  'environment variables override the file; unknown ones warn, those of other programs do not',
  async (t) => {
    const { config, warnings } = await load(
      t,
      `${MINIMAL}  apps_domain: a.example.com\ncluster_name: file\n`,
      {
        MEZITE_PROXY_APPS_DOMAIN: 'b.example.com, c.example.org',
        MEZITE_PROXY_TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8',
        MEZITE_PROXY_DEVELOPMENT_CERTIFICATE: 'true',
        MEZITE_PROXY_LIMITS_CONNECTIONS_PER_ADDRESS: '50',
        MEZITE_PROXY_LIMITS_CALLS_PER_MINUTE_TOKENS: '7',
        MEZITE_DATA_DIR: '/srv/mezite',
        MEZITE_CLUSTER_NAME: '',
        MEZITE_ENCRYPTION_KEY: 'x',
        MEZITE_BROWSER: 'x',
        MEZITE_TYPO: 'x',
        MEZITE_PLUGINS: 'x',
      },
    )
    t.match(config, {
      cluster_name: 'file',
      data_dir: '/srv/mezite',
      proxy: {
        apps_domain: ['b.example.com', 'c.example.org'],
        trusted_proxies: ['10.0.0.0/8', 'fd00::/8'],
        limits: {
          connectionsPerAddress: 50,
          callsPerMinute: { tokens: 7, pages: 12_000 },
          handshakeMs: 10_000,
        },
      },
    })
    t.match(
      warnings.filter((warning) => warning.includes('MEZITE_')),
      [/MEZITE_TYPO is unknown/, /MEZITE_PLUGINS is unknown/],
    )
    t.strictSame(await problems(t, MINIMAL, { MEZITE_LOG_LEVEL: 'loud' }), [
      'environment: MEZITE_LOG_LEVEL: must be info or debug or warn or error',
    ])
  },
)

t.test('limits are checked like other keys', async (t) => {
  const yaml = `${MINIMAL}  limits:
    connections: none
    header_bytes: 12
    calls_per_minute: { tokens: 0 }
    uri_byte: 5
`
  t.strictSame(await problems(t, yaml), [
    'F:6: proxy.limits.connections: must be a whole number from 1 to 1000000',
    'F:7: proxy.limits.header_bytes: must be a number of bytes from 4096 to 1048576',
    'F:8: proxy.limits.calls_per_minute.tokens: must be a whole number from 1 to 1000000',
    "F:9: proxy.limits.uri_byte: unknown key; did you mean 'uri_bytes'?",
  ])
  t.strictSame(await problems(t, `${MINIMAL}  limits: { handshake_timeout: 1h }\n`), [
    'F:5: proxy.limits.handshake_timeout: must be at most 10m',
  ])
  t.strictSame(await problems(t, MINIMAL, { MEZITE_PROXY_LIMITS_HANDSHAKES: 'many' }), [
    'environment: MEZITE_PROXY_LIMITS_HANDSHAKES: must be a whole number from 1 to 1000000',
  ])
})

t.test('K147 all problems are listed together, with file, line, path and a suggestion', async (t) => {
  const yaml = `cluster_nam: x
log: { level: loud }
proxy:
  listen_adr: 0.0.0.0:1
  public_addr: 5
  https_keypair: { cert_file: x }
shutdown_grace: soon
tunnel: { transports: [] }
plugins:
  ${OFFICE_HOURS}: { form: 9, to: noon }
`
  t.strictSame(await problems(t, yaml), [
    "F:1: cluster_nam: unknown key; did you mean 'cluster_name'?",
    'F:2: log.level: must be info or debug or warn or error',
    "F:4: proxy.listen_adr: unknown key; did you mean 'listen_addr'?",
    'F:5: proxy.public_addr: must be a host name, with :PORT when it is not 443',
    'F:6: proxy.https_keypair.key_file: is missing',
    'F:7: shutdown_grace: must be a duration such as 30s, 15m, 12h or 30d',
    'F:8: tunnel.transports: must be a list of different transports, at least one',
    `F:10: plugins["${OFFICE_HOURS}"].from: is missing`,
    `F:10: plugins["${OFFICE_HOURS}"].form: unknown key; did you mean 'from'?`,
    `F:10: plugins["${OFFICE_HOURS}"].to: must be integer`,
  ])
})

t.test('conflicts between keys are listed together, too', async (t) => {
  const yaml = `database: { driver: postgres }
proxy:
  listen_addr: 0.0.0.0:443
  public_addr: hub.example.com
  apps_domain: "*.example.com"
  trusted_proxies: [10.0.0.0/33]
  proxy_protocol: off
sessions: { stream_staleness: 4s }
diagnostics: { listen_addr: 127.0.0.1:443 }
`
  t.match(await problems(t, yaml), [
    /^F:1: database\.url: is missing/,
    /^F:2: proxy\.https_keypair: is missing; .*development_certificate: true/,
    /^F:5: proxy\.apps_domain: must be a domain name/,
    /^F:6: proxy\.trusted_proxies\.0: must be a CIDR/,
    /^F:8: sessions\.stream_staleness: must be at least 5s/,
    /^F:9: diagnostics\.listen_addr: must not be the public port/,
  ])
  t.match(await problems(t, `${MINIMAL}  proxy_protocol: required\ndatabase: { url: postgres://x/y }\n`), [
    /proxy\.proxy_protocol: required closes every connection/,
    /database\.url: is only for driver: postgres/,
  ])
})

t.test('K147 values are compared, and files read, once every key fits the schema', async (t) => {
  const wrong = `log: { level: loud }
database: { driver: mysql }
proxy:
  public_addr: hub.example.com
  https_keypair: { cert_file: none.pem }
  trusted_proxies: 10.0.0.0/8
  limits: { header_bytes: 12 }
sessions: { stream_staleness: 4s }
`
  t.match(await problems(t, wrong), [
    /^F:1: log\.level: must be info or/,
    /^F:2: database\.driver: must be embedded or postgres/,
    /^F:5: proxy\.https_keypair\.key_file: is missing/,
    /^F:6: proxy\.trusted_proxies: must be array/,
    /^F:7: proxy\.limits\.header_bytes: must be/,
  ])
  t.equal((await problems(t, wrong)).length, 5)
  const fitting = `proxy:
  listen_addr: 0.0.0.0
  public_addr: hub.example.com
  apps_domain: "*.example.com"
  https_keypair: { cert_file: none.pem, key_file: none.pem }
  limits: { handshake_timeout: 1h }
sessions: { stream_staleness: 4s }
`
  t.match(await problems(t, fitting), [
    /^F:2: proxy\.listen_addr: must be HOST:PORT/,
    /^F:4: proxy\.apps_domain: must be a domain name/,
    /^F:5: proxy\.https_keypair\.cert_file: the file cannot be read/,
    /^F:5: proxy\.https_keypair\.key_file: the file cannot be read/,
    /^F:6: proxy\.limits\.handshake_timeout: must be/,
    /^F:7: sessions\.stream_staleness: must be at least 5s/,
  ])
  t.equal((await problems(t, fitting)).length, 6)
  const nowhere = `cluster_name: A B
brand: { help_url: "javascript:" }
proxy:
  public_addr: x y
  internal_addr: 0.0.0.0:1
  redirect_addr: x
  shutdown_delay: 1h
  development_certificate: true
diagnostics: { listen_addr: x }
shutdown_grace: 99999d
`
  t.match(await problems(t, nowhere), [
    /^F:1: cluster_name: must be labels/,
    /^F:2: brand\.help_url: must be an https: or mailto: URL/,
    /^F:4: proxy\.public_addr: must be a host name/,
    /^F:5: proxy\.internal_addr: must be what the other hubs dial/,
    /^F:6: proxy\.redirect_addr: must be HOST:PORT/,
    /^F:7: proxy\.shutdown_delay: must be at most 10m/,
    /^F:9: diagnostics\.listen_addr: must be HOST:PORT/,
    /^F:10: shutdown_grace: must be a duration .*at most ten years/,
  ])
  t.equal((await problems(t, nowhere)).length, 8, 'what could not be read is compared with nothing')
})

t.test('K147 a plugin that fails to load does not hide problems of the others', async (t) => {
  const yaml = `${MINIMAL}plugins:\n  ./nothing.js: {}\n  ${OFFICE_HOURS}: { from: nine, to: 17 }\n`
  await t.rejects(load(t, yaml), {
    errors: [
      { code: 'MEZ_CONFIG_INVALID', message: /:7: plugins\[.*office-hours"\]\.from: must be integer/ },
      { code: 'MEZ_PLUGIN_NOT_FOUND' },
    ],
  })
})

t.test('proxy.internal_addr must be an address that another hub can dial', async (t) => {
  const said = (address: string) => problems(t, `${MINIMAL}  internal_addr: "${address}"\n`)
  for (const address of ['0.0.0.0:443', ':443', '[::]:443', 'hub-1.internal:0'])
    t.match(await said(address), [/^F:5: proxy\.internal_addr: must be what the other hubs dial/], address)
  for (const address of ['hub-1.internal', '10.0.0.1', 'hub-1.internal:99999', 'x y:1'])
    t.match(await said(address), [/^F:5: proxy\.internal_addr: must be HOST:PORT/], address)
  for (const [address, host] of [
    ['hub-1.internal:8443', 'hub-1.internal'],
    ['[fd00::1]:8443', 'fd00::1'],
  ] as const) {
    const { config } = await load(t, `${MINIMAL}  internal_addr: "${address}"\n`)
    t.same(config.proxy.internal_addr, { host, port: 8_443 })
  }
})

t.test('errors do not repeat values, which may be secret', async (t) => {
  const yaml = `${MINIMAL}database: { driver: postgres, url: "mysql://mezite:s3cret@db/x" }\n`
  t.notMatch((await problems(t, yaml)).join(), /s3cret/)
})

t.test('malformed YAML, duplicate keys and __proto__ are refused with their line', async (t) => {
  t.match(await problems(t, 'proxy:\n  public_addr: [x\n'), [/^F:\d+: column \d+: /])
  t.match(await problems(t, `${MINIMAL}  public_addr: other.localhost\n`), [/^F:5: column 3: .*unique/])
  t.match(await problems(t, `${MINIMAL}__proto__: { a: 1 }\n`), ['F:5: __proto__: unknown key'])
  t.strictSame(await problems(t, `${MINIMAL}---\na: 1\n`), [
    'F:5: column 1: contains several documents; expected one',
  ])
  t.match(await problems(t, `${MINIMAL}cluster_name: !!js/function "x"\n`), [/^F:5: column \d+: .*tag/i])
  t.match(await problems(t, ''), [/proxy: is missing/])
  t.match(await problems(t, '- a\n'), [/the file: must be object/])
  t.match(await problems(t, 'hello\n', { MEZITE_DATA_DIR: '/x' }), [/the file: must be object/])
})

t.test('an unreadable file is reported', async (t) => {
  await t.rejects(loadConfig({ file: '/nowhere/mezhub.yaml', env: {}, standard: [] }), {
    code: 'MEZ_CONFIG_UNREADABLE',
    message: /\/nowhere\/mezhub\.yaml/,
  })
})

t.test('no app can take the sign-in host', async (t) => {
  const signIn = async (hub: string, apps: string) => {
    const yaml = `proxy: { listen_addr: 127.0.0.1:0, public_addr: ${hub}, apps_domain: ${apps} }`
    const { config } = await load(t, yaml)
    t.equal(config.publicNames.signInOrigin, `https://${config.signInHost}`)
    return config.signInHost
  }
  t.equal(await signIn('mezite.example.com', 'apps.example.com'), 'mezite.example.com')
  t.equal(await signIn('mezite.example.com', 'mezite.example.com'), 'login.mezite.example.com', 'equal')
  t.equal(await signIn('mezite.example.com', 'example.com'), 'login.example.com', 'the parent')
  t.equal(await signIn('mezite.example.com', 'apps.mezite.example.com'), 'mezite.example.com', 'below')
  t.equal(await signIn('mezite.example.com', 'ample.com'), 'mezite.example.com', 'a suffix that is no parent')
  t.equal(
    await signIn('mezite.example.com', '[apps.example.org, example.com]'),
    'login.example.com',
    'a later one',
  )
})

t.test('apps may have several domains, none of which contains another', async (t) => {
  const of = (list: string) => `${MINIMAL}  apps_domain: ${list}`
  const { config } = await load(t, of('[Apps.Example.com, apps.example.org]'))
  t.match(config.publicNames, {
    appsDomain: 'apps.example.com',
    appsDomains: ['apps.example.com', 'apps.example.org'],
  })
  for (const [list, problem] of [
    ['[apps.example.com, example.com]', /apps_domain: must not contain each other: apps\.example\.com and/],
    ['[apps.example.com, apps.example.com]', /must not contain each other/],
    ['[]', /apps_domain: must be a domain name without port or wildcard, or a list/],
    ['[1]', /apps_domain: must be a domain name/],
    ['{ a: b }', /apps_domain: must be a domain name/],
  ] as const)
    t.match(await problems(t, of(list)), [problem], list)
})

t.test('invalid host names are refused', async (t) => {
  for (const host of [
    '10.0.0.1',
    'a..b',
    'a.example.com.',
    '-a.com',
    'a_b.com',
    'a.com:0',
    'a.com:99999',
    'https://a.com',
  ]) {
    t.match(
      await problems(t, `proxy: { listen_addr: 127.0.0.1:0, public_addr: "${host}" }`),
      [/public_addr: must be/],
      host,
    )
  }
  for (const host of ['com', '10.0.0.1', 'example.com:8443', '.example.com', 'example.com.']) {
    t.match(await problems(t, `${MINIMAL}  apps_domain: "${host}"`), [/apps_domain: must/], host)
    const second = `${MINIMAL}  apps_domain: [apps.example.org, "${host}"]`
    t.match(await problems(t, second), [/apps_domain: must/], `${host} as one of several`)
  }
})

t.test('K147 a key file that everybody can read is refused, and a group causes a warning', async (t) => {
  const yaml = `${MINIMAL}  https_keypair: { cert_file: cert.pem, key_file: key.pem }\n`
  const file = write(t, yaml)
  const dir = join(file, '..')
  const key = join(dir, 'key.pem')
  const attempt = () => loadConfig({ file, env: {}, standard: [] })
  await t.rejects(attempt(), {
    code: 'MEZ_CONFIG_INVALID',
    message: /:5: .*cert_file: the file cannot be read.*\n.*key_file: the file cannot/,
  })
  await certify(dir, ['hub.mezite.localhost'])
  renameSync(join(dir, developmentFiles.cert), join(dir, 'cert.pem'))
  renameSync(join(dir, developmentFiles.key), key)
  chmodSync(key, 0o644)
  await t.rejects(attempt(), {
    code: 'MEZ_CONFIG_INVALID',
    message: /:5: proxy\.https_keypair\.key_file: everybody can read/,
  })
  chmodSync(key, 0o640)
  const { config, warnings } = await attempt()
  t.match(warnings, [/group can read/])
  t.strictSame(config.proxy.https_keypair, { certFile: join(dir, 'cert.pem'), keyFile: key })
  t.equal(config.publicNames.hsts, true)
})

t.test('K147 unusable certificates are refused', async (t) => {
  const file = write(t, '')
  const dir = join(file, '..')
  for (const [name, hosts] of [
    ['wild', ['hub.mezite.localhost', '*.apps.mezite.localhost']],
    ['hub', ['hub.mezite.localhost']],
  ] as const) {
    mkdirSync(join(dir, name))
    await certify(join(dir, name), hosts)
  }
  writeFileSync(join(dir, 'garbage'), 'no certificate', { mode: 0o600 })
  const { cert, key } = developmentFiles
  const pair = (certFile: string, keyFile: string) => `{ cert_file: ${certFile}, key_file: ${keyFile} }`
  const attempt = (...lines: string[]) => {
    writeFileSync(file, `${MINIMAL}  apps_domain: apps.mezite.localhost\n  ${lines.join('\n  ')}\n`)
    return loadConfig({ file, env: {}, standard: [] })
  }
  const wild = pair(`wild/${cert}`, `wild/${key}`)
  const hub = pair(`hub/${cert}`, `hub/${key}`)
  for (const [lines, message] of [
    [
      [`https_keypair: ${pair('garbage', `wild/${key}`)}`],
      /:6: proxy\.https_keypair: .*garbage.* cannot be used: the certificate file/,
    ],
    [[`https_keypair: ${pair(`wild/${cert}`, `hub/${key}`)}`], /:6: proxy\.https_keypair: .*does not match/],
    [
      [`https_keypair: ${hub}`],
      /:6: proxy\.https_keypair: .*hub\/.*: the certificate covers neither \*\.apps\.mezite\.localhost/,
    ],
    [
      [`https_keypair: ${wild}`, `apps_keypair: ${hub}`],
      /:7: proxy\.apps_keypair: .*hub\/.*: the certificate covers neither/,
    ],
    [[`apps_keypair: ${pair(`wild/${cert}`, 'garbage')}`], /:6: proxy\.apps_keypair: .*: the key file/],
  ] as const) {
    await t.rejects(attempt(...lines), { code: 'MEZ_CONFIG_INVALID', message })
  }
  t.ok(await attempt(`https_keypair: ${wild}`))
  t.ok(await attempt(`https_keypair: ${hub}`, `apps_keypair: ${wild}`))
  t.ok(await attempt(`apps_keypair: ${wild}`))
})

t.test('a configured plugin may provide the certificates in place of files', async (t) => {
  const plugin = join(root, 'examples/certificate-folder/hub.ts')
  const config = `{ folder: /etc/mezite, hosts: [hub.example.com] }`
  const proxy = 'proxy:\n  public_addr: hub.example.com\n  apps_domain: apps.example.com\n'
  const attempt = (more: string) => loadConfig({ file: write(t, proxy + more), env: {}, standard: [] })
  await t.rejects(attempt(''), { message: /proxy\.https_keypair: is missing/ })
  const { config: loaded, warnings } = await attempt(`plugins:\n  ${plugin}: ${config}\n`)
  t.notMatch(warnings.join(), /development certificate/)
  t.match(loaded.proxy, { https_keypair: undefined })
  t.equal(loaded.developmentCertificate, false)
  t.equal(loaded.publicNames.hsts, true)
  await t.rejects(attempt(`plugins:\n  ${plugin}: { folder: /etc/mezite }\n`), {
    message: /hosts: is missing/,
  })
  const fromFile = await readConfig(write(t, proxy), {})
  t.equal(fromFile?.proxy.https_keypair, undefined, 'the parent of several processes loads no plugin')
})

t.test("K147 a configuration with the database's password must be private", async (t) => {
  const file = write(t, `${MINIMAL}database: { driver: postgres, url: "postgres://mezite:pw@db/mezite" }\n`)
  t.equal((await loadConfig({ file, env: {}, standard: [] })).config.database.driver, 'postgres')
  chmodSync(file, 0o644)
  await t.rejects(loadConfig({ file, env: {}, standard: [] }), {
    message: /:5: database\.url: everybody can read/,
  })
  const env = { MEZITE_DATABASE_URL: 'postgres://mezite:pw@db/mezite' }
  t.ok(await loadConfig({ file, env, standard: [] }), 'the password does not come from the file')
})

t.test(
  'plugins get their checked configuration; one that fails to load is listed beside the problems',
  async (t) => {
    const { plugins } = await load(t, `${MINIMAL}plugins: { ${OFFICE_HOURS}: { from: 9, to: 17 } }`)
    t.match(plugins, [{ plugin: { name: 'office-hours' }, config: { from: 9, to: 17 } }])
    await t.rejects(load(t, `${MINIMAL}typo: 1\nplugins: { ./nothing.js: {} }`), {
      errors: [{ code: 'MEZ_CONFIG_INVALID' }, { code: 'MEZ_PLUGIN_NOT_FOUND' }],
    })
  },
)

t.test('plugins that cannot be set up together are refused, together with other problems', async (t) => {
  const dir = t.testdir({
    'needy.js': plugin('needy', `needs: { x: { kind: 'service', id: 'x' } }`),
    'one.js': plugin(
      'one',
      `needs: { b: { kind: 'service', id: 'b' } }, provides: { a: { kind: 'service', id: 'a' } }`,
    ),
    'two.js': plugin(
      'two',
      `needs: { a: { kind: 'service', id: 'a' } }, provides: { b: { kind: 'service', id: 'b' } }`,
    ),
    'fine.js': plugin('fine', `needs: { x: { kind: 'service', id: 'catalog' } }`),
  })
  const file = join(dir, 'mezhub.yaml')
  const attempt = (plugins: string) => {
    writeFileSync(file, `${MINIMAL}plugins: { ${plugins} }\n`, { mode: 0o600 })
    return loadConfig({ file, env: {}, standard: [] })
  }
  await t.rejects(attempt('./needy.js: {}'), {
    code: 'MEZ_SERVICE_MISSING',
    message: /'needy' needs the service 'x'/,
  })
  await t.rejects(attempt('./one.js: {}, ./two.js: {}'), { code: 'MEZ_PLUGIN_CYCLE' })
  await t.rejects(attempt('./needy.js: { x: 1 }'), {
    errors: [{ code: 'MEZ_CONFIG_INVALID' }, { code: 'MEZ_SERVICE_MISSING' }],
  })
  await t.rejects(attempt('./needy.js: {}, ./nothing.js: {}'), { code: 'MEZ_PLUGIN_NOT_FOUND' })
  t.equal((await attempt('./fine.js: {}')).plugins.length, 1, 'what the hub itself provides is there')
})

t.test('the name of the cluster must fit a certificate, and the grace a timer', async (t) => {
  for (const name of [
    'Example Corp',
    'Example',
    'a_b',
    '-a',
    'a..b',
    `a.${'b'.repeat(64)}`,
    'a.'.repeat(150),
  ])
    t.match(
      await problems(t, `${MINIMAL}cluster_name: "${name}"\n`),
      [/^F:5: cluster_name: must be labels/],
      name,
    )
  const host = `${`${'a'.repeat(60)}.`.repeat(3)}${'b'.repeat(60)}`
  const long = `proxy: { listen_addr: 127.0.0.1:0, public_addr: ${host}, development_certificate: true }\n`
  t.match(await problems(t, long), [
    /^F: cluster_name: is missing, and the host of proxy\.public_addr is too long/,
  ])
  t.equal((await load(t, `${long}cluster_name: a-1.b\n`)).config.cluster_name, 'a-1.b')
  for (const grace of ['25h', '60d', '3650d'])
    t.match(await problems(t, `${MINIMAL}shutdown_grace: ${grace}\n`), [
      /^F:5: shutdown_grace: must be at most 24h/,
    ])
  t.equal((await load(t, `${MINIMAL}shutdown_grace: 24h\n`)).config.shutdown_grace, 86_400_000)
  const proxy = (line: string) => MINIMAL.replace('proxy:\n', `proxy:\n  ${line}\n`)
  t.match(await problems(t, proxy('shutdown_delay: 11m')), [/proxy\.shutdown_delay: must be at most 10m/])
  t.match(await problems(t, proxy('redirect_addr: nowhere')), [/proxy\.redirect_addr: /])
  const { redirect_addr, shutdown_delay } = (await load(t, proxy("redirect_addr: ':80'"))).config.proxy
  t.strictSame([redirect_addr, shutdown_delay], [{ host: '::', port: 80 }, 5_000])
})

t.test('P182 an unsafe runtime warns, and strict_runtime refuses it', async (t) => {
  const runtime = ['Node.js 1.2.3 has had no security fixes since 2026-06-01']
  const attempt = (yaml: string, env = {}) =>
    loadConfig({ file: write(t, MINIMAL + yaml), env, standard: [], runtime })
  t.ok((await attempt('')).warnings.includes(runtime[0]!))
  const refused = { code: 'MEZ_RUNTIME_UNSAFE', message: runtime[0], hint: /npm ci/ }
  await t.rejects(attempt('strict_runtime: true\n'), refused)
  await t.rejects(attempt('', { MEZITE_STRICT_RUNTIME: 'true' }), refused)
  const safe = { file: write(t, `${MINIMAL}strict_runtime: true\n`), env: {}, standard: [], runtime: [] }
  t.ok(await loadConfig(safe))
})

t.test('an expired certificate is a problem of the configuration', async (t) => {
  const file = write(t, `${MINIMAL}  https_keypair: { cert_file: cert.pem, key_file: key.pem }\n`)
  const dir = join(file, '..')
  const longAgo = { ...systemClock, now: () => Date.now() - 400 * 86_400_000 }
  await developmentCertificate(dir, ['hub.mezite.localhost'], longAgo)
  renameSync(join(dir, developmentFiles.cert), join(dir, 'cert.pem'))
  renameSync(join(dir, developmentFiles.key), join(dir, 'key.pem'))
  await t.rejects(loadConfig({ file, env: {}, standard: [] }), {
    code: 'MEZ_CONFIG_INVALID',
    message: /proxy\.https_keypair: .*has expired/,
  })
})

t.test('the example for containers needs no certificate files, and takes them', async (t) => {
  const example = join(import.meta.dirname, '../../../examples/containers/mezhub.yaml')
  const env = { MEZITE_DATABASE_URL: 'postgres://mezite@postgres/mezite' }
  const { config } = await loadConfig({ file: example, env })
  t.equal(config.proxy.https_keypair, undefined)
  const withFiles = readFileSync(example, 'utf8')
    .replace(/^plugins:\n {2}acme:.*\n/m, '')
    .replace('# https_keypair', 'https_keypair')
  const error: Error = await loadConfig({ file: write(t, withFiles), env })
    .then(() => new Error('it loaded'))
    .catch((reason) => reason)
  const [, ...lines] = error.message.split('\n')
  t.match(lines, [/cert_file.*ENOENT.*fullchain\.pem/, /key_file.*ENOENT.*privkey\.pem/])
  t.equal(lines.length, 2)
})

t.test('proxy.processes needs PostgreSQL for several, and `auto` is one for each processor', async (t) => {
  const yaml = (processes: string, driver = 'postgres', more = '') =>
    `${MINIMAL}  processes: ${processes}\n${more}database: { driver: ${driver}${driver === 'postgres' ? ', url: "postgres://db/mezite"' : ''} }\n`
  const count = async (text: string, env = {}) => (await load(t, text, env)).config.proxy.processes
  t.equal(await count(MINIMAL), 1)
  t.equal(await count(yaml('3')), 3)
  t.equal(await count(yaml('auto')), availableParallelism())
  t.equal(await count(yaml('auto', 'embedded')), 1)
  t.equal(await count(yaml('1', 'embedded')), 1)
  t.equal(await count(yaml('1'), { MEZITE_PROXY_PROCESSES: '2' }), 2)
  t.equal(await count(yaml('3', 'embedded'), { MEZITE_PROXY_PROCESSES: 'auto' }), 1)
  for (const [wrong, path] of [
    [yaml('2', 'embedded'), 'proxy.processes'],
    [yaml('0'), 'proxy.processes'],
    [yaml('many'), 'proxy.processes'],
    [
      yaml('2', 'postgres', '  internal_addr: 10.0.0.1:443\n').replace('127.0.0.1:0', '127.0.0.1:444'),
      'proxy.internal_addr',
    ],
  ] as const) {
    const found = await problems(t, wrong)
    t.equal(found.length, 1, found.join('\n'))
    t.match(found[0], path)
  }
})

t.test('P181 a secret comes from the file that a variable names, and never from two places', async (t) => {
  const folder = t.testdir({ url: 'postgres://mezite@db/mezite\n', empty: '', key: `${'A'.repeat(43)}=\n` })
  const yaml = `${MINIMAL}\ndatabase: { driver: postgres }\n`
  const file = join(folder, 'mezhub.yaml')
  writeFileSync(file, yaml, { mode: 0o600 })
  const read = (env: Record<string, string>) => loadConfig({ file, env, standard: [] })
  const name = 'MEZITE_DATABASE_URL'
  const { config, warnings } = await read({
    [`${name}_FILE`]: join(folder, 'url'),
    MEZITE_ENCRYPTION_KEY_FILE: join(folder, 'key'),
    MEZITE_OTHER_FILE: '/x',
  })
  t.match(config.database, { driver: 'postgres', url: 'postgres://mezite@db/mezite' })
  t.strictSame(
    warnings.filter((line) => line.includes('MEZITE_')),
    ['the environment variable MEZITE_OTHER_FILE is unknown and ignored'],
  )
  await t.rejects(read({ [`${name}_FILE`]: join(folder, 'absent') }), {
    code: 'MEZ_CONFIG_UNREADABLE',
    message: /MEZITE_DATABASE_URL_FILE/,
  })
  await t.rejects(read({ [`${name}_FILE`]: join(folder, 'empty') }), { code: 'MEZ_CONFIG_UNREADABLE' })
  await t.rejects(read({ [name]: 'postgres://x/y', [`${name}_FILE`]: join(folder, 'url') }), {
    code: 'MEZ_CONFIG_INVALID',
  })
  const variable = 'MEZITE_ENCRYPTION_KEY'
  t.same(await readEncryptionKey(folder, { [`${variable}_FILE`]: join(folder, 'key') }), Buffer.alloc(32))
  await t.rejects(readEncryptionKey(folder, { [`${variable}_FILE`]: join(folder, 'url') }), {
    code: 'MEZ_ENCRYPTION_KEY_INVALID',
  })
  const token = (file: string) =>
    secretVariable('MEZITE_JOIN_TOKEN', { MEZITE_JOIN_TOKEN_FILE: join(folder, file) }, { optional: true })
  t.equal(token('absent'), undefined, 'an agent that has joined needs no token')
  t.equal(token('empty'), undefined)
  t.equal(token('url'), 'postgres://mezite@db/mezite')
})
