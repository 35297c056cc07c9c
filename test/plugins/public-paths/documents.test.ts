// together: quick
/** What the document of an app may say about public paths, and what operators see of it. */
import t from 'tap'
import { checkConfig } from '../../../core/kernel/config-check.ts'
import { appState } from '../../../oclif-cli/mezctl/app-document.ts'
import { findingsOf } from '../../../plugins/public-paths/open-paths.ts'
import { AppPublicPaths } from '../../../plugins/public-paths/rules.ts'
import { AUTHORITIES, HOOK, hmac, NOW, open, SECRETS } from './open-verifier.ts'
import { senders } from './senders.ts'

const parts = { proxied: new Set<string>(), authorities: AUTHORITIES, secrets: SECRETS, now: NOW * 1_000 }

t.test('a document opens nothing by mistake', async (t) => {
  const faultsOf = (rule: object) =>
    checkConfig(AppPublicPaths, { rules: [rule] })
      .problems.map(({ message }) => message)
      .join()
  t.equal(faultsOf({ ...HOOK, verify: 'anyone' }), '', 'as an example that is valid')
  for (const verify of [
    ...[undefined, null, true, '', 'Anyone', 'any', ['anyone'], { anyone: true }, {}, { networks: [] }],
    ...[
      { networks: ['192.0.2.300'] },
      { networks: ['192.0.2.1'], hmac: { preset: 'github', secret: 'github' } },
    ],
    ...[{ hmac: {} }, { hmac: { preset: 'github' } }, { hmac: { preset: 'gitbub', secret: 'github' } }],
    ...[{ hmac: { secret: 'github' } }, { hmac: { preset: 'github', header: 'X-Sig', secret: 'github' } }],
    ...[{ hmac: { preset: 'github', secret: { value: 'x' } } }, { hmac: { preset: 'github', secret: [] } }],
    ...[{ hmac: { preset: 'github', secret: 'github', tolerance: '5m' } }],
    ...[{ hmac: { preset: 'stripe', secret: 'stripe', tolerance: '2h' } }],
    ...[{ hmac: { preset: 'stripe', secret: 'stripe', replay: '1m' } }],
    ...[{ hmac: { preset: 'github', secret: 'github', max_body: 1_048_577 } }],
    ...[{ hmac: { preset: 'github', secret: 'github', prefix: '' } }],
    ...[{ hmac: { header: 'X-Sig', secret: 'github', signed: 'x' } }],
    ...[{ hmac: { header: 'X-Sig', secret: 'github', signed: '{timestamp}.{body}' } }],
    ...[{ secret_header: { header: 'Authorization', secret: 'github' } }],
    ...[{ secret_header: { header: 'X-Forwarded-For', secret: 'github' } }],
    ...[{ secret_header: { header: 'X-Mezite-User', secret: 'github' } }],
  ])
    t.not(faultsOf({ ...HOOK, verify }), '', JSON.stringify(verify))
  for (const wrong of [
    ...[
      { methods: ['*'] },
      { methods: [] },
      { methods: ['post'] },
      { methods: ['CONNECT'] },
      { methods: undefined },
    ],
    ...[
      { paths: [] },
      { paths: ['hook'] },
      { paths: ['/a/../b'] },
      { paths: ['/***'] },
      { paths: ['/a%20b'] },
    ],
    ...[{ paths: ['/**'] }, { paths: ['/*/a'] }, { paths: ['/pub*'] }, { name: 'preflight' }, { name: 'A' }],
    ...[{ rate: '0/m' }, { rate: '5' }, { rate: '5/h' }, { path: '/x' }],
  ])
    t.not(faultsOf({ ...HOOK, verify: 'anyone', ...wrong }), '', JSON.stringify(wrong))
})

t.test('operators see each rule for anyone, for a shared secret, or for a secret that is not there', (t) => {
  const { app, compiled } = open([
    { ...HOOK, verify: 'anyone' },
    { ...HOOK, name: 'shared', verify: { secret_header: { header: 'X-Key', secret: 'github' } } },
    { ...HOOK, name: 'gone', verify: { hmac: { preset: 'github', secret: 'nowhere' } } },
    { ...HOOK, name: 'misshapen', verify: { hmac: { preset: 'standard-webhooks', secret: 'short' } } },
    { ...HOOK, name: 'fine', verify: { hmac: { preset: 'github', secret: 'github' } } },
  ])
  const found = findingsOf(app, { ...parts, rulesOf: () => compiled })
  t.strictSame(
    found.map(({ subject }) => subject.replace(/^app \S+, /, '')),
    ['rule hook', 'rule shared', 'rule gone', 'rule misshapen'],
  )
  t.match(found[0]!.message, /^anyone may send POST to \/hook$/)
  t.notMatch(JSON.stringify(found), /Everybody|AAAA/, 'never a secret')
  const broken = () => {
    throw new Error('of another version')
  }
  t.match(findingsOf(app, { ...parts, rulesOf: broken })[0]!.message, /none is open/)
  t.end()
})

t.test('a rule whose secret is not configured admits nothing', async (t) => {
  const rule = { ...HOOK, verify: { secret_header: { header: 'X-Key', secret: 'nowhere' } } }
  t.equal(await open([rule]).send('/hook', ['X-Key', '']), 'verification_failed')
  t.equal(
    await open([hmac('github', 'nowhere')]).send('/hook', senders.github!.sign('', 0)),
    'verification_failed',
  )
})

t.test('lists of apps say which have paths for anyone', (t) => {
  const app = (verify: unknown) => ({
    spec: { plugins: { 'public-paths': { rules: [{ ...HOOK, verify }] } } },
    status: { state: 'ready' },
  })
  t.equal(appState(app('anyone')), 'ready, PATHS FOR ANYONE')
  t.equal(appState(app({ networks: ['192.0.2.1'] })), 'ready')
  t.equal(appState({ status: { state: 'ready' } }), 'ready')
  t.end()
})
