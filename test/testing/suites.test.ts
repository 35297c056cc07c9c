// together: suites
/** The suites for plugin authors: they pass for the examples, and fail for what they are there to find. */
import { spawn, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { CertificateSource } from '../../core/api/certificates.ts'
import type { DenialHelp } from '../../core/api/denial-help.ts'
import {
  type AccessQuery,
  type AuditEvent,
  type AuditSink,
  defineAgentPlugin,
  defineHubPlugin,
  denialHelp,
  requirements,
  Type,
  type Vote,
} from '../../core/index.ts'
import {
  conformAuditSink,
  conformCertificates,
  conformDialer,
  conformJob,
  conformPackage,
  conformPlugin,
  conformPolicy,
  type JobUnderTest,
  type SourceUnderTest,
  testCertificate,
  testTarget,
} from '../../core/testing/index.ts'
import officeHours from '../../examples/office-hours/hub.ts'
import unixSocketDialer from '../agent/unix-socket-dialer.ts'
import { root } from '../read-imports.ts'
import { failuresOf, unprovenOf } from './failures.ts'

/** What a policy gets wrong, and the test that finds it. */
const VOTES = 'it votes on every query without an error, and equally when asked again'
const POLICY_FLAWS: Readonly<Record<string, readonly string[]>> = {
  none: [],
  silent: ['it taps access.decide'],
  clock: ['a pure policy does not depend on the clock'],
  date: ['a pure policy does not depend on the clock'],
  file: ['a pure policy reads no file'],
  late: ['it votes before its tap returns'],
  throws: [VOTES],
  reason: [VOTES],
  'long-message': [VOTES],
  'http-link': [VOTES],
  'unregistered-requirement': [VOTES],
  'invalid-role': [VOTES],
  'catches-its-error': [VOTES],
  'needs-address': [VOTES],
  'needs-session': [VOTES],
  'forgets-grants': [VOTES],
  alternates: [VOTES, 'a pure policy does not depend on the clock'],
}

const policy = (flaw: string) =>
  defineHubPlugin({
    name: 'policy',
    api: 1,
    summary: 'A policy',
    provides: { requirements },
    setup({ clock, tap, provide }) {
      let turn = 0
      const page = { title: 'Terms', detail: 'Accept the terms.' }
      provide.requirements({ name: 'terms', reason: 'terms_open', ...page })
      if (flaw === 'silent') return
      const hour = () => (flaw === 'date' ? new Date() : new Date(clock.now())).getHours()
      const votes: Record<string, (query: AccessQuery, ballot: Vote) => unknown> = {
        none: (_query, ballot) => {
          ballot.allow('access')
          ballot.require({ name: 'terms' })
          ballot.deny('closed', { message: 'x'.repeat(1_024), link: 'https://example.com' })
        },
        file: (_query, ballot) => existsSync('/etc/closed') && ballot.deny('closed'),
        late: (_query, ballot) => void setTimeout(() => ballot.deny('late'), 5),
        throws: () => {
          throw new Error('broken')
        },
        reason: (_query, ballot) => ballot.deny('Not Snake Case'),
        'long-message': (_query, ballot) => ballot.deny('closed', { message: 'x'.repeat(1_025) }),
        'http-link': (_query, ballot) => ballot.deny('closed', { link: 'http://example.com' }),
        'unregistered-requirement': (_query, ballot) => ballot.require({ name: 'retina-scan' }),
        'invalid-role': (_query, ballot) => ballot.allow('no role'),
        'catches-its-error': (_query, ballot) => {
          try {
            ballot.deny('')
          } catch {}
        },
        'needs-address': ({ context }) => void context.clientIp!.startsWith('10.'),
        'needs-session': ({ subject }) => void subject.sessionId!.length,
        'forgets-grants': ({ subject: { grants = [] } }) => void grants.map(({ apps }) => apps!.length),
        alternates: (_query, ballot) => turn++ % 2 === 0 && ballot.deny('closed'),
      }
      const vote = votes[flaw] ?? ((_query, ballot) => hour() % 2 === 0 && ballot.deny('even_hour'))
      tap.access.decide((query, ballot) => void vote(query, ballot), { pure: true })
    },
  })

t.test('each rule fails for its own flaw of a policy', async (t) => {
  const config = { from: 9, to: 17 }
  t.strictSame(await failuresOf((t) => conformPolicy(t, officeHours, { config })), [])
  for (const [flaw, expected] of Object.entries(POLICY_FLAWS))
    t.strictSame(await failuresOf((t) => conformPolicy(t, policy(flaw))), expected, flaw)
  const known = { requirements: ['retina-scan'] }
  t.strictSame(await failuresOf((t) => conformPolicy(t, policy('unregistered-requirement'), known)), [])
  t.strictSame(
    unprovenOf((t) => conformPolicy(t, policy('none')), POLICY_FLAWS),
    [],
  )
})

t.test('each rule fails for its own flaw of a dialer', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'app.sock')
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const options = {
    config: { sockets: { wiki: path, gone: `${path}.gone` } },
    echo: testTarget('wiki', 'http://127.0.0.1:1'),
    unreachable: testTarget('gone', 'http://127.0.0.1:1'),
    foreign: testTarget('other', 'http://127.0.0.1:1'),
  }
  conformDialer(t, unixSocketDialer, options)
  const greedy = { ...options, foreign: options.echo, unreachable: options.foreign }
  t.strictSame(await failuresOf((t) => conformDialer(t, unixSocketDialer, greedy)), [
    'it leaves other targets to the agent',
    'a target that cannot be reached is an error in time',
  ])
})

t.test('a dialer whose streams lose bytes or stay open fails the suite', async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    socket
      .unref()
      .on('error', () => {})
      .pipe(socket),
  ).unref()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const dialer = (flaw: keyof typeof FLAWS) =>
    defineAgentPlugin({
      name: 'dialer',
      api: 1,
      summary: 'Dials',
      setup({ tap }) {
        tap.dial.open(async ({ app, connectMs }) => {
          if (app === 'foreign') return null
          if (app === 'silent' || (app === 'gone' && flaw === 'hangs')) {
            const isLate = flaw === 'hangs' || flaw === 'waits-too-long'
            await new Promise((resolve) => setTimeout(resolve, isLate ? connectMs + 2_200 : connectMs))
            throw new Error('the target did not respond in time')
          }
          if (app === 'gone' && flaw === 'late-error') {
            // It gives up before its socket does, and does not listen any more.
            setTimeout(() => new EventEmitter().emit('error', new Error('refused')), 20)
            throw new Error('the target did not respond')
          }
          const to = {
            host: '127.0.0.1',
            port: app === 'echo' ? port : 1,
            allowHalfOpen: flaw !== 'no-half-close',
          }
          const socket = connect(to)
          await once(socket, 'connect')
          if (flaw === 'no-half-close') socket.once('finish', () => socket.destroy())
          // Whether more than the first piece comes while nobody reads depends on the machine.
          if (flaw === 'flows')
            socket.pause = () => {
              const { push } = socket
              socket.push = (chunk) => {
                socket.push = push
                return chunk === null ? socket.push(chunk) : true
              }
              return socket
            }
          if (flaw === 'stays-open') socket.unref()._destroy = () => {}
          return socket
        })
      },
    })
  const whole = 'bytes arrive whole in both directions, and after the end of the input'
  const FLAWS = {
    none: [],
    'no-half-close': [whole, 'a paused stream holds back its bytes and loses none'],
    flows: ['a paused stream holds back its bytes and loses none'],
    'stays-open': ['a destroyed stream closes'],
    hangs: [
      'a target that cannot be reached is an error in time',
      'a target that does not respond is given up after its time to connect',
    ],
    'waits-too-long': ['a target that does not respond is given up after its time to connect'],
    'late-error': ['a target that cannot be reached is an error in time'],
  } as const
  const check = async ([flaw, expected]: [string, readonly string[]]) => {
    const failed = await failuresOf((t) =>
      conformDialer(t, dialer(flaw as keyof typeof FLAWS), {
        echo: testTarget('echo', 'http://127.0.0.1:1'),
        unreachable: testTarget('gone', 'http://127.0.0.1:1', { connectMs: 100 }),
        silent: testTarget('silent', 'http://127.0.0.1:1', { connectMs: 100 }),
        foreign: testTarget('foreign', 'http://127.0.0.1:1'),
        // One flaw is found by waiting for it; a busy machine may take seconds for the rest.
        deadlineMs: flaw === 'stays-open' ? 3_000 : 30_000,
      }),
    )
    t.strictSame(failed, expected, flaw)
  }
  // These only wait; the others depend on how fast their bytes arrive.
  const waiting = ['stays-open', 'hangs', 'waits-too-long']
  const flaws = Object.entries(FLAWS)
  for (const one of flaws.filter(([flaw]) => !waiting.includes(flaw))) await check(one)
  await Promise.all(flaws.filter(([flaw]) => waiting.includes(flaw)).map(check))
})

t.test('each rule fails for its own flaw of a plugin', async (t) => {
  const dir = t.testdir()
  const onlyWires = 'setup only wires: it writes no file, opens no port and starts no program'
  const leavesNothing = 'after its stop no timer, port or watcher is left'
  const offers = 'its offer after a denial is complete, and is returned at once'
  const observes = 'it observes events of every kind without an error'
  const whole = { title: 'Ask', text: 'Ask for access.', path: '/web/ask' }
  const HELPS: Readonly<Record<string, DenialHelp['helpFor']>> = {
    'help-none': () => null,
    'help-whole': () => whole,
    'help-late': (async () => whole) as never,
    'help-empty': () => ({ ...whole, title: '' }),
    'help-elsewhere': () => ({ ...whole, path: 'https://evil.test/' }),
    'help-reason': () => ({ ...whole, reason: 'Not Snake Case' }),
    'help-fails': ({ subject: { roles } }) => ({ ...whole, text: roles[0]!.toUpperCase() }),
  }
  let setups = 0
  const plugin = (flaw: string) =>
    defineHubPlugin({
      name: 'plugin',
      api: 1,
      summary: flaw === 'summary' ? ' ' : 'A plugin',
      config: Type.Object({ at: Type.Optional(Type.Integer()) }, { additionalProperties: flaw === 'keys' }),
      provides: { denialHelp },
      setup({ tap, log, provide }) {
        setups += 1
        if (flaw === 'warns') log.warn('careful')
        if (flaw === 'writes') appendFileSync(join(dir, 'state'), 'x')
        if (flaw === 'listens') createServer().listen(0, '127.0.0.1').unref()
        if (flaw.startsWith('help-')) provide.denialHelp({ name: 'help', helpFor: HELPS[flaw]! })
        if (flaw === 'runs') spawn(process.execPath, ['--version'])
        if (flaw === 'pollutes') Object.assign(Object.prototype, { polluted: true })
        tap.lifecycle.start(async () => {
          if (flaw === 'keeps-timer') setInterval(() => {}, 1_000).unref()
          if (flaw !== 'keeps-port') return
          const server = createServer().unref()
          server.listen(0, '127.0.0.1')
          await once(server, 'listening')
        })
        if (flaw === 'observes') tap.audit.recorded(({ id }) => void id.length)
        if (flaw === 'needs-app') tap.audit.recorded(({ app }) => void (app as string).length)
        if (flaw === 'changes-event') tap.audit.recorded((event) => void Object.assign(event, { app: null }))
        if (flaw !== 'shares' || setups % 2 === 0) tap.access.decide(() => {}, { pure: true })
        if (flaw !== 'stops-badly') return
        tap.lifecycle.stop(() => {
          throw new Error('there is nothing to stop')
        })
      },
    })
  const FLAWS = {
    none: [],
    summary: ['the definition is valid'],
    keys: ['misspelled keys of its configuration are rejected'],
    warns: ['setup works twice in one process and shares nothing'],
    shares: ['setup works twice in one process and shares nothing'],
    writes: [onlyWires],
    listens: [onlyWires, leavesNothing],
    runs: [onlyWires],
    pollutes: ['it changes no built-in object'],
    observes: [],
    'needs-app': [observes],
    'changes-event': [observes],
    'help-none': [],
    'help-whole': [],
    'help-late': [offers],
    'help-empty': [offers],
    'help-elsewhere': [offers],
    'help-fails': [offers],
    'help-reason': [offers],
    'keeps-timer': [leavesNothing],
    'keeps-port': [leavesNothing],
    'stops-badly': [
      leavesNothing,
      'it changes no built-in object',
      'it starts and stops, and stops without a start and twice',
    ],
  } as const
  for (const [flaw, expected] of Object.entries(FLAWS)) {
    setups = 0
    const failed = await failuresOf((t) => conformPlugin(t, plugin(flaw), { refused: [{ at: 'noon' }] }))
    Reflect.deleteProperty(Object.prototype, 'polluted')
    t.strictSame(failed, expected, flaw)
  }
  t.strictSame(
    unprovenOf((t) => conformPlugin(t, plugin('none')), FLAWS),
    [],
  )
  const accepts = await failuresOf((t) => conformPlugin(t, plugin('none'), { refused: [{ at: 12 }] }))
  t.strictSame(accepts, ['misspelled keys of its configuration are rejected'])
})

t.test('each rule fails for its own flaw of an audit sink', async (t) => {
  const dir = t.testdir()
  const FLAWS = {
    none: [],
    'no-name': ['it has a name and a guarantee'],
    'huge-batches': ['it has a name and a guarantee'],
    'not-on-disk': ['an enforced sink that writes files has them on the disk before write resolves'],
    'loses-types': ['a written batch can be read, with every kind of value'],
    'loses-last': [
      'a written batch can be read, with every kind of value',
      'full batches in a row lose, duplicate and reorder nothing',
      'a batch that comes again after its response was lost is stored once',
    ],
    'repeats-batches': ['a batch that comes again after its response was lost is stored once'],
    'refuses-nothing': ['an empty batch and an empty flush succeed'],
  } as const
  const open = (flaw: string) => async () => {
    const batches = new Map<unknown, string>()
    const sink: AuditSink = {
      name: flaw === 'no-name' ? 'No Name' : 'memory',
      guarantee: 'enforced',
      ...(flaw === 'huge-batches' ? { batch: 1_001 } : {}),
      async write(lines, batch) {
        const file = openSync(join(dir, 'events.jsonl'), 'a')
        appendFileSync(file, lines)
        if (flaw !== 'not-on-disk') fsyncSync(file)
        closeSync(file)
        if (lines === '' && flaw === 'refuses-nothing') throw new Error('there are no lines')
        batches.set(flaw === 'repeats-batches' ? Symbol() : batch, lines)
      },
      async flush() {},
    }
    const read = async () => {
      const lines = [...batches.values()].join('').split('\n').filter(Boolean)
      const events = lines.map((line) => JSON.parse(line) as AuditEvent)
      if (flaw === 'loses-types')
        return events.map((one) => ('status' in one ? { ...one, status: '200' } : one))
      return flaw === 'loses-last' ? events.slice(0, -1) : events
    }
    return { sink, read, close: async () => {} }
  }
  for (const [flaw, expected] of Object.entries(FLAWS))
    t.strictSame(await failuresOf((t) => conformAuditSink(t, open(flaw))), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformAuditSink(t, open('none')), FLAWS),
    [],
  )
})

t.test('each rule fails for its own flaw of a source of certificates', async (t) => {
  const [one, other] = await Promise.all([testCertificate(['a.test']), testCertificate(['b.test'])])
  const FLAWS = {
    none: [],
    'wrong-name': ['it covers its hosts and serves them'],
    'wrong-key': ['it covers its hosts and serves them'],
    'new-object': ['it covers its hosts and serves them'],
    'covers-all': ['foreign names get nothing and leave nothing behind'],
    'no-state': ['its states list each certificate'],
    'wrong-expiry': ['its states list each certificate'],
    'proves-all': [
      'foreign names get nothing and leave nothing behind',
      'it answers no challenge that it did not request',
    ],
  }
  const open = (flaw: string) => async (): Promise<SourceUnderTest> => {
    const served =
      flaw === 'wrong-name' ? other : flaw === 'wrong-key' ? { cert: one.cert, key: other.key } : one
    const expires = new X509Certificate(served.cert).validToDate.getTime()
    const state = {
      subject: 'a.test',
      names: ['a.test'],
      problem: null,
      expires: flaw === 'wrong-expiry' ? expires / 1_000 : expires,
    }
    const source: CertificateSource = {
      name: 'flawed',
      covers: (host) => host === 'a.test' || flaw === 'covers-all',
      certificateFor: (host) => (host !== 'a.test' ? null : flaw === 'new-object' ? { ...served } : served),
      states: () => (flaw === 'no-state' ? [] : [state]),
      ...(flaw === 'proves-all' && { alpn: 'acme-tls/1', alpnCertificate: () => other }),
    }
    return { source, ready: ['a.test'], close: async () => {} }
  }
  for (const [flaw, expected] of Object.entries(FLAWS))
    t.strictSame(await failuresOf((t) => conformCertificates(t, open(flaw))), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformCertificates(t, open('none')), FLAWS),
    [],
  )
})

t.test('each rule fails for its own flaw of a job', async (t) => {
  const FLAWS = {
    none: [],
    'bad-name': ['it has a name, an interval and a deadline'],
    'too-often': ['it has a name, an interval and a deadline'],
    once: ['it runs again and again, and reports in a line', 'a run beside another one does no harm'],
    lines: ['it runs again and again, and reports in a line'],
    alone: ['a run beside another one does no harm'],
    deaf: ['it ends when its signal aborts'],
  }
  const open = (flaw: string) => async (): Promise<JobUnderTest> => {
    let [running, ran] = [0, false]
    const name = flaw === 'bad-name' ? 'Job' : 'job'
    return {
      job: {
        name,
        everyMs: flaw === 'too-often' ? 10 : 60_000,
        async run(signal) {
          if (flaw === 'deaf' && signal.aborted) return new Promise(() => {})
          if (flaw === 'once' && ran) throw new Error('again')
          if (flaw === 'alone' && running > 0) throw new Error('beside another')
          ran = true
          running += 1
          await new Promise((resolve) => setImmediate(resolve))
          running -= 1
          return flaw === 'lines' ? 'a\nb' : 'done'
        },
      },
      close: async () => {},
    }
  }
  for (const [flaw, expected] of Object.entries(FLAWS))
    t.strictSame(await failuresOf((t) => conformJob(t, open(flaw))), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformJob(t, open('none')), FLAWS),
    [],
  )
})

t.test('each rule fails for its own flaw of a package', async (t) => {
  const dir = t.testdir()
  const write = (name: string, manifest: object, half: string): string => {
    const folder = join(dir, name)
    mkdirSync(join(folder, 'dist'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder, 'dist/hub.js'), half)
    writeFileSync(join(folder, 'dist/hub.d.ts'), 'export {}')
    return folder
  }
  const half = `export default { name: 'curfew', side: 'hub', api: 1, summary: 'Denies', setup() {} }`
  const exports = { './hub': { types: './dist/hub.d.ts', default: './dist/hub.js' } }
  const good = { name: 'mezite-plugin-curfew', version: '1.0.0', type: 'module', exports }
  conformPackage(t, write('good', good, half))
  const peer = (range: string) => ({ ...good, peerDependencies: { '@mezite/core': range } })
  conformPackage(t, write('peer', peer('^0.1.0'), half))
  for (const range of ['>=2 <1', '^99.0.0', 'any'])
    t.strictSame(
      await failuresOf((t) => conformPackage(t, write('future', peer(range), half))),
      ['it uses the core of the program, and runs nothing while it is installed'],
      range,
    )
  const bad = {
    name: 'curfew',
    version: '1',
    type: 'module',
    scripts: { postinstall: 'true' },
    exports: { './hub': { types: './dist/none.d.ts', default: './dist/hub.js' } },
  }
  const failed = await failuresOf((t) => conformPackage(t, write('bad', bad, 'export default {}')))
  t.equal(failed.length, 4, failed.join('; '))
})

t.test('the suites run under node:test', (t) => {
  const file = join(t.testdir(), 'policy.test.js')
  const kit = pathToFileURL(join(root, 'core/testing/index.ts')).href
  const plugin = pathToFileURL(join(root, 'examples/office-hours/hub.ts')).href
  const lines = [
    "import { test } from 'node:test'",
    `import { conformPlugin, conformPolicy, conformTest } from '${kit}'`,
    `import plugin from '${plugin}'`,
    'const config = { from: 9, to: 17 }',
    'conformPlugin(conformTest(test), plugin, { config })',
    'conformPolicy(conformTest(test), plugin, { config })',
  ]
  writeFileSync(file, lines.join('\n'))
  const { TAP: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--conditions=mezite-source', '--test-reporter=tap', file],
    {
      encoding: 'utf8',
      env,
    },
  )
  t.equal(status, 0, stdout)
  t.match(stdout, /^# pass 14$/m)
  t.end()
})
