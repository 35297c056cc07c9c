/** Agents that replace themselves, as processes with a hub: by a signed release, and back if the link does not come up. */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { superviseAgent } from '../../agent/updates/supervisor.ts'
import { memoryLog } from '../../core/testing/memory-log.ts'
import { releaseKeyText } from '../../oclif-cli/packaging/agent-release.ts'
import '../e2e/plain-programs.ts'
import { startTunnelHub } from '../traffic/tunnel/start-tunnel-hub.ts'
import { until } from '../until.ts'
import { first, pairs, site, stranger } from './made-release.ts'

t.setTimeout(600_000)

const MEZD = fileURLToPath(new URL('../../agent/mezd.js', import.meta.url))
const SOURCES = ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning']

/** A program that is this mezd with another version: a copy of its package for npm, started by a script. */
const programText = (version: string, more = '') => `#!/bin/sh
# mezd ${version}
${more}
exec '${process.execPath}' ${SOURCES.join(' ')} '${MEZD}' "$@"
`

/** A hub, and a folder with the configuration of an agent. */
async function prepare(t: Test, more: object = {}) {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const made = site(t)
  const { at } = made
  writeFileSync(at('token'), await hub.token('node-1'))
  writeFileSync(
    at('mezd.yaml'),
    JSON.stringify({
      ...{ proxy_addr: `hub.mezite.localhost:${hub.port}`, ca_pin: hub.authorities.pin() },
      ...{ hostname: 'node-1', data_dir: at('data'), join_token: { file: at('token') }, ...more },
    }),
  )
  const args = ['start', '--config', at('mezd.yaml')]
  const linked = () => until(() => hub.tunnel.links().length === 1, 'one link')
  return { ...made, args, linked }
}

async function startAgent(t: Test) {
  const { at, offer, releases, args, linked } = await prepare(t)
  const own = at('mezd-own')
  writeFileSync(own, programText('9.0.0'))
  chmodSync(own, 0o755)
  const { log, lines } = memoryLog()
  const stop = new AbortController()
  const ended = superviseAgent(
    {
      ...{ releases, log, everyMs: 200, linkMs: 120_000 },
      own: { version: '9.0.0', path: own },
      args,
    },
    stop.signal,
  )
  t.teardown(() => {
    stop.abort()
    return ended
  })
  const end = async () => {
    stop.abort()
    t.equal(await ended, 0, `it ends with its agent: ${lines.join('\n')}`)
  }
  const said = (what: RegExp) =>
    until(() => lines.some((line) => what.test(line)), `${what}: ${lines.join('\n')}`)
  return { at, offer, said, linked, lines, end }
}

t.test('an agent replaces itself by a signed release, and by nothing else', async (t) => {
  const { at, offer, said, linked, lines, end } = await startAgent(t)
  await linked()
  offer({ version: '9.5.0', content: programText('9.5.0'), signers: [first, stranger] })
  await said(/1 of the configured keys have signed it/)
  offer({ version: '8.0.0', content: programText('8.0.0') })
  offer({ version: '9.1.0', content: programText('9.1.0', `touch ${at('new-ran')}`) })
  await said(/9\.1\.0.*is accepted|is accepted.*9\.1\.0/)
  t.ok(existsSync(at('new-ran')))
  await linked()
  t.notOk(
    lines.some((line) => /8\.0\.0|9\.5\.0/.test(line)),
    'neither an older version nor one without signatures was tried',
  )
  await end()
})

t.test(
  'an agent whose new version gets no link runs the version before again, and tries that release no more',
  async (t) => {
    const { at, offer, said, linked, lines, end } = await startAgent(t)
    await linked()
    offer({ version: '9.1.0', content: programText('9.1.0', `echo ran >> ${at('ran')}; exit 3`) })
    await said(/the version before runs again/)
    await linked()
    await until(() => existsSync(at('data/updates/state.json')), 'the failure is written down')
    t.match(JSON.parse(readFileSync(at('data/updates/state.json'), 'utf8')), {
      accepted: null,
      failed: { '9.1.0': String },
    })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    t.equal(readFileSync(at('ran'), 'utf8'), 'ran\n', `once: ${lines.join('\n')}`)
    await end()
  },
)

/** The real program with `updates:` in its configuration, which has accepted a version before. */
async function startAccepted(t: Test, content: (at: (name: string) => string) => string) {
  const source = site(t)
  const keys = pairs.map(({ publicKey }) => releaseKeyText(publicKey))
  const updates = { source: source.at('source'), keys, threshold: 2 }
  const agent = await prepare(t, { updates })
  const { at, offer, releases, args } = agent
  offer({ version: '9.1.0', content: programText('9.1.0', content(at)) })
  await releases.stage('9.0.0')
  await releases.accept('9.1.0')
  const child: ChildProcess = spawn(process.execPath, [...SOURCES, MEZD, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const end = async () => {
    child.kill('SIGTERM')
    t.strictSame(await ended, [0, null], output)
  }
  return { ...agent, end, output: () => output }
}

t.test(
  'mezd with updates in its configuration begins with the accepted version, and stops with it',
  async (t) => {
    const { at, linked, end } = await startAccepted(t, (at) => `touch ${at('ran')}`)
    await linked()
    t.ok(existsSync(at('ran')), 'the accepted version runs')
    await end()
  },
)

t.test('an accepted version that ends before it has a link gives way to the installed one', async (t) => {
  const { at, linked, end, output } = await startAccepted(t, () => 'exit 3')
  await linked()
  const state = () => JSON.parse(readFileSync(at('data/updates/state.json'), 'utf8'))
  await until(() => '9.1.0' in state().failed, 'the failure is written down')
  t.equal(state().accepted, null)
  t.match(output(), /the version before runs again/)
  await end()
})

t.test('a source that does not answer neither delays a stop nor hides the end of the agent', async (t) => {
  for (const [what, onTerm, code] of [
    ['stops', 'process.exit(0)', 0],
    ['ends by itself', '', 3],
  ] as const) {
    const { at } = site(t)
    const path = at('agent.js')
    const end = code === 0 ? '' : `setTimeout(() => process.exit(${code}), 1_000)`
    writeFileSync(
      path,
      `process.send('mezd-linked'); process.on('SIGTERM', () => { ${onTerm} }); setInterval(() => {}, 1_000); ${end}`,
    )
    const asked = new EventEmitter()
    const releases = {
      current: async () => null,
      stage: (_than: string, stop?: AbortSignal) => {
        asked.emit('stage')
        return new Promise<never>((_, reject) =>
          stop!.addEventListener('abort', () => reject(new Error('stopped'))),
        )
      },
      accept: async () => {},
      reject: async () => {},
    }
    const stop = new AbortController()
    const staging = once(asked, 'stage')
    const { log, lines } = memoryLog()
    const own = { version: '9.0.0', path }
    const ended = superviseAgent({ releases, own, args: [], everyMs: 1, linkMs: 60_000, log }, stop.signal)
    await staging
    if (code === 0) stop.abort()
    t.equal(await ended, code, what)
    t.notMatch(lines.join('\n'), /cannot get a new version/)
  }
})
