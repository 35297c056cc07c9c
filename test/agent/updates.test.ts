// together: quick
/** Which releases an agent takes: only those that enough release keys have signed, whole, and newer than what runs. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readAgentConfig } from '../../agent/agent-config.ts'
import { compareVersions, readRelease, releaseKey } from '../../agent/updates/release.ts'
import { STATEMENT } from '../../agent/updates/staged-releases.ts'
import { releaseKeyText, signAgents } from '../../oclif-cli/packaging/agent-release.ts'
import { writeChecksums } from '../../oclif-cli/packaging/checksums.ts'
import { first, pairs, second, sha256, site, statement, stranger, third, trust } from './made-release.ts'

t.test('only what enough distinct keys have signed is a release', (t) => {
  t.equal(readRelease(statement(), trust()).version, '9.1.0')
  t.equal(readRelease(statement({ signers: [third, stranger, first] }), trust()).version, '9.1.0')
  const few = /of the configured keys have signed it, and 2 must/
  for (const [what, made, message] of [
    ['one signature', { signers: [first] }, few],
    ['one key twice', { signers: [first, first] }, few],
    ['a key that is not configured', { signers: [first, stranger] }, few],
    ['no signature', { signers: [] }, few],
    ['another text than was signed', { tamper: (body: string) => body.replace('9.1.0', '9.2.0') }, few],
    ['another program', { changes: { program: 'mezhub' } }, /a release of "mezhub"/],
    ['an old statement', { changes: { expires: '2020-01-01T00:00:00Z' } }, /has expired/],
    ['no end', { changes: { expires: undefined } }, /has expired/],
    ['a version that is a path', { version: '../../etc' }, /is not a version/],
    ['a pre-release', { version: '9.1.0-rc.1' }, /is not a version/],
    ['no file for this machine', { changes: { files: { 'win32-x64': {} } } }, /no file for linux-x64/],
    [
      'a file elsewhere',
      { changes: { files: { 'linux-x64': { name: '../mezd', size: 1, sha256: sha256('') } } } },
      /cannot be taken/,
    ],
    [
      'a file without an end',
      { changes: { files: { 'linux-x64': { name: 'mezd', size: 2 ** 40, sha256: sha256('') } } } },
      /cannot be taken/,
    ],
  ] as const)
    t.throws(() => readRelease(statement(made), trust()), message, what)
  const { payloadType: _, ...untyped } = JSON.parse(statement())
  t.throws(() => readRelease(JSON.stringify(untyped), trust()), /not the statement of a release/)
  for (const text of ['', '[]', 'null', '{"signatures":[null]}'])
    t.throws(() => readRelease(text, trust()), text)
  t.ok(compareVersions('1.10.0', '1.9.9') > 0 && compareVersions('1.2.3', '1.2.3') === 0)
  t.end()
})

t.test('a release is staged when all of it is as it was signed, and newer than what runs', async (t) => {
  const { at, offer, releases } = site(t)
  offer()
  for (const newer of ['9.1.0', '9.1.1', '10.0.0'])
    t.equal(await releases.stage(newer), null, `${newer} is not replaced by an older version`)
  const staged = await releases.stage('9.0.9')
  t.equal(readFileSync(staged!.path, 'utf8'), 'program')
  t.equal(await releases.current('9.0.9'), null, 'staged is not accepted')
  for (const content of ['PROGRAM', 'program and more', 'prog']) {
    writeFileSync(at('source/mezd-linux-x64'), content)
    rmSync(at('data/updates/9.1.0'), { recursive: true, force: true })
    await t.rejects(releases.stage('9.0.9'), content)
    t.strictSame(readdirSync(at('data/updates')), [], 'nothing under its name, and no part of it')
  }
  offer({ signers: [first] })
  await t.rejects(releases.stage('9.0.9'), { message: /1 of the configured keys/ })
  writeFileSync(at('source', STATEMENT), 'x'.repeat(70_000))
  await t.rejects(releases.stage('9.0.9'), { message: /larger than/ })
})

t.test(
  'a source never leads back behind a version that was accepted, also if that one fails later',
  async (t) => {
    const { at, offer, releases } = site(t)
    offer({ version: '9.3.0' })
    await releases.stage('9.0.0')
    await releases.accept('9.3.0')
    await releases.reject('9.3.0')
    t.equal(await releases.current('9.0.0'), null)
    for (const version of ['9.1.0', '9.2.9', '9.3.0']) {
      offer({ version })
      t.equal(await releases.stage('9.0.0'), null, version)
    }
    offer({ version: '9.3.1' })
    t.equal((await releases.stage('9.0.0'))?.version, '9.3.1')
    writeFileSync(at('data/updates/state.json'), '{"accepted":"9.3.0","failed":{}}')
    offer({ version: '9.2.0' })
    t.equal(await releases.stage('9.0.0'), null, 'as an earlier version wrote it')
  },
)

t.test('a download stops when its agent must stop', async (t) => {
  const { at, offer, releases } = site(t)
  offer()
  await t.rejects(releases.stage('9.0.0', AbortSignal.abort()), { name: 'AbortError' })
  t.notOk(existsSync(at('data/updates')))
})

t.test(
  'an accepted release runs only if its file is still the signed one, and newer than the installed one',
  async (t) => {
    const { at, offer, releases } = site(t)
    offer()
    const staged = await releases.stage('9.0.0')
    await releases.accept('9.1.0')
    t.equal((await releases.current('9.0.0'))?.path, staged!.path)
    t.equal(await releases.current('9.2.0'), null, 'the operator has installed a newer one')
    writeFileSync(staged!.path, 'Program')
    await t.rejects(releases.current('9.0.0'), { message: /not the file that was signed/ })
    offer({ version: '9.2.0' })
    await releases.stage('9.1.0')
    await releases.accept('9.2.0')
    t.strictSame(readdirSync(at('data/updates')).sort(), ['9.2.0', 'state.json'])
    offer({ version: '9.3.0' })
    await releases.stage('9.2.0')
    await releases.reject('9.3.0')
    t.equal(await releases.stage('9.2.0'), null, 'a release that has failed is not tried again')
    offer({ version: '9.3.1' })
    t.equal((await releases.stage('9.2.0'))?.version, '9.3.1', 'the one after it is')
    for (const text of [
      '{',
      '{"accepted":"../x","failed":{}}',
      '{"accepted":null,"failed":null}',
      '{"accepted":null,"newest":1,"failed":{}}',
    ]) {
      writeFileSync(at('data/updates/state.json'), text)
      await t.rejects(releases.current('9.0.0'), text)
    }
  },
)

t.test('a configuration names a source and at least as many keys as must sign', async (t) => {
  const [key = ''] = pairs.map(({ publicKey }) => releaseKeyText(publicKey))
  t.strictSame(releaseKey(key)?.export({ format: 'jwk' }), createPublicKey(first).export({ format: 'jwk' }))
  const file = site(t).at('mezd.yaml')
  const read = (updates: object, args: readonly string[] = []) => {
    writeFileSync(file, JSON.stringify({ proxy_addr: 'hub.localhost:1', updates }))
    const program = join(import.meta.dirname, '../../agent')
    return readAgentConfig(['--config', file, ...args], { program, env: {}, runtime: [] })
  }
  const good = { source: 'https://updates.example.com/mezd/', keys: [key], threshold: 1 }
  t.match((await read(good)).updates, { source: good.source, threshold: 1 })
  // The last digit of 43 has two bits that mean nothing: another one there is the same key.
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const again = key.replace(/.=$/, (end) => `${digits[digits.indexOf(end[0]!) + 1]}=`)
  t.strictSame(Buffer.from(again.slice(8), 'base64'), Buffer.from(key.slice(8), 'base64'))
  for (const [change, message] of [
    [{ keys: [key, again], threshold: 2 }, /must be ed25519: and 32 bytes/],
    [{ threshold: 2 }, /more than the number of keys \(1\)/],
    [{ threshold: 0 }, /threshold/],
    [{ keys: [] }, /keys/],
    [{ keys: [key, key] }, /is listed twice/],
    [{ keys: ['ed25519:AAAA'] }, /must be ed25519: and 32 bytes/],
    [{ source: 'http://updates.example.com/' }, /must be an https URL/],
    [{ source: 'updates' }, /must be an https URL/],
    [{ keey: 1 }, /keey/],
  ] as const)
    await t.rejects(read({ ...good, ...change }), { code: 'MEZ_CONFIG_INVALID', message })
  await t.rejects(read(good, ['--token-file', '-']), { message: /in a file or a variable/ })
})

t.test(
  'each holder of a release key signs the agents of a release, and all must mean the same files',
  (t) => {
    const { at } = site(t)
    const [folder, file] = [at('release'), at(STATEMENT)]
    const make = (content: string) => {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      for (const name of ['mezd-linux-x64', 'mezd-linux-arm64']) writeFileSync(join(folder, name), content)
      writeFileSync(join(folder, 'mezd_9.1.0_all.deb'), '')
      writeChecksums(folder)
    }
    const accepted = (now = Date.now()) => readRelease(readFileSync(file, 'utf8'), trust(now))
    const now = Date.now()
    make('program')
    t.match(signAgents(folder, first, now), /^signed mezd 9\.1\.0 .* has 1 signatures/)
    signAgents(folder, first, now)
    t.throws(() => accepted(), /1 of the configured keys/, 'a key counts once')
    signAgents(folder, second, now + 1_000)
    const content = Buffer.from('program')
    t.strictSame(accepted(), {
      version: '9.1.0',
      file: { name: 'mezd-linux-x64', size: content.length, sha256: sha256(content) },
    })
    const [before, days] = [readFileSync(file, 'utf8'), (count: number) => now + count * 86_400_000]
    t.ok(accepted(days(89)))
    t.throws(() => accepted(days(91)), /has expired/)
    t.throws(() => signAgents(folder, third, days(91)), /has expired: remove it/)
    make('another')
    t.throws(() => signAgents(folder, third, now), /is about other files than/)
    writeFileSync(join(folder, 'mezd-linux-x64'), 'changed')
    t.throws(() => signAgents(folder, third, now), /mezd-linux-x64 does not match SHA256SUMS/)
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
    t.throws(() => signAgents(folder, rsa, now), /a release key is an Ed25519 key/)
    t.equal(readFileSync(file, 'utf8'), before, 'what is refused changes nothing')
    t.end()
  },
)
