// together: programs
/** `mezhub version --verify`, with attestations that a workflow of this test has signed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { packageDigest } from '../../../plugins/backup/program/package-digest.ts'
import { readAttestation } from '../../../plugins/backup/program/version.ts'

const folder = mkdtempSync(join(tmpdir(), 'mezite-version-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const IDENTITY = 'https://github.com/mezite/mezite/.github/workflows/release.yml@refs/tags/v1.2.3'

/** A certificate of a workflow with its key; the authority is of this test. */
function signerOf(identity: string, name: string) {
  const at = (file: string) => join(folder, `${name}.${file}`)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(at('key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const subject = ['-subj', '/', '-addext', `subjectAltName=URI:${identity}`]
  execFileSync(
    'openssl',
    ['req', '-x509', '-new', '-key', at('key'), '-out', at('der'), '-outform', 'DER', ...subject],
    {
      stdio: 'ignore',
    },
  )
  return { privateKey, certificate: readFileSync(at('der')).toString('base64') }
}

const signer = signerOf(IDENTITY, 'release')
const TYPE = 'application/vnd.in-toto+json'

/** A Sigstore bundle about these digests, changed by `change` after it was signed. */
function bundleOf(
  digests: ReadonlyMap<string, string>,
  by = signer,
  change: (bundle: never) => void = () => {},
): string {
  const subject = [...digests].map(([name, sha256]) => ({ name, digest: { sha256 } }))
  const body = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject }))
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${TYPE.length} ${TYPE} ${body.length} `), body])
  const bundle = {
    verificationMaterial: { certificate: { rawBytes: by.certificate } },
    dsseEnvelope: {
      payload: body.toString('base64'),
      payloadType: TYPE,
      signatures: [{ sig: sign('sha256', signed, by.privateKey).toString('base64') }],
    },
  }
  change(bundle as never)
  const file = join(folder, `bundle-${Math.random()}.json`)
  writeFileSync(file, JSON.stringify(bundle))
  return file
}

const digests = new Map([['@mezite/core', 'a'.repeat(64)]])
const fault = (file: string, version = '1.2.3') => {
  try {
    readAttestation(file, version)
    return null
  } catch (error) {
    return error as Error & { readonly code: string }
  }
}

t.test('P181 an attestation is of the release workflow at the tag of the own version, and unchanged', (t) => {
  t.match(readAttestation(bundleOf(digests), '1.2.3'), { identity: IDENTITY, digests })
  t.match(fault(join(folder, 'none.json')), { code: 'MEZ_PROGRAM_UNATTESTED' })
  const refused: readonly (readonly [string, string, RegExp])[] = [
    [
      'another payload',
      bundleOf(digests, signer, ({ dsseEnvelope }: { dsseEnvelope: { payload: string } }) => {
        dsseEnvelope.payload = Buffer.from('{"subject":[]}').toString('base64')
      }),
      /signature is not valid/,
    ],
    [
      'another type',
      bundleOf(digests, signer, ({ dsseEnvelope }: { dsseEnvelope: { payloadType: string } }) => {
        dsseEnvelope.payloadType = 'text/plain'
      }),
      /another kind/,
    ],
    [
      'no signature',
      bundleOf(digests, signer, ({ dsseEnvelope }: { dsseEnvelope: { signatures: object[] } }) => {
        dsseEnvelope.signatures = []
      }),
      /another kind/,
    ],
    ...[
      `${IDENTITY}-beta`,
      IDENTITY.replace('v1.2.3', 'v1.2.4'),
      IDENTITY.replace('mezite/mezite', 'other/mezite'),
      IDENTITY.replace('github.com', 'githubxcom'),
      `https://example.com/${IDENTITY}`,
      IDENTITY.replace('tags/v1.2.3', 'heads/v1.2.3'),
    ].map(
      (identity, at) =>
        [identity, bundleOf(digests, signerOf(identity, `other-${at}`)), /its signer is/] as const,
    ),
  ]
  for (const [what, file, message] of refused)
    t.match(fault(file), { code: 'MEZ_PROGRAM_CHANGED', message }, what)
  t.match(fault(bundleOf(digests), '1.2.4'), { code: 'MEZ_PROGRAM_CHANGED' }, 'of another version')
  const broken = join(folder, 'broken.json')
  writeFileSync(broken, '{')
  t.match(fault(broken), { code: 'MEZ_PROGRAM_CHANGED' })
  t.end()
})

t.test('P181 the digest of a package is of what runs in it, wherever the package is', (t) => {
  const one = join(folder, 'one')
  mkdirSync(join(one, 'dist/testing'), { recursive: true })
  const write = (path: string, text: string) => writeFileSync(join(one, path), text)
  write('package.json', '{}')
  write('mezhub.js', '#!/usr/bin/env node\nimport "a"\n')
  write('dist/a.js', 'a')
  const before = packageDigest(one)
  for (const [path, text] of [
    ['dist/a.d.ts', 'types'],
    ['dist/a.js.map', '{}'],
    ['README.md', 'text'],
    ['LICENSE', 'text'],
    ['attestation.json', '{}'],
    ['dist/testing/kit.js', 'kit'],
    ['mezhub.js', '#!/usr/bin/node\nimport "a"\n'],
  ] as const) {
    write(path, text)
    t.equal(packageDigest(one), before, path)
  }
  cpSync(one, join(folder, 'two'), { recursive: true })
  t.equal(packageDigest(join(folder, 'two')), before)
  for (const [path, text] of [
    ['dist/a.js', 'b'],
    ['dist/changelog.js', 'new'],
    ['mezhub.js', '#!/usr/bin/node\nimport "b"\n'],
    ['package.json', '{"x":1}'],
  ] as const) {
    const own = join(folder, `changed-${path.replaceAll('/', '-')}`)
    cpSync(one, own, { recursive: true })
    writeFileSync(join(own, path), text)
    t.not(packageDigest(own), before, path)
  }
  t.end()
})

t.test(
  'P181 mezhub version --verify names the packages that differ, and says that a changed program could lie',
  (t) => {
    const hub = join(folder, 'installed/node_modules/@mezite/hub')
    const core = join(folder, 'installed/node_modules/@mezite/core')
    for (const path of [hub, core]) mkdirSync(path, { recursive: true })
    const version = '1.2.3'
    writeFileSync(join(hub, 'package.json'), `{"version":"${version}","dependencies":{"@mezite/core":"1"}}`)
    writeFileSync(join(core, 'package.json'), '{}')
    const source = join(import.meta.dirname, '../../..')
    const main = join(hub, 'mezhub.mjs')
    writeFileSync(
      main,
      `const [source, ...args] = process.argv.slice(2)
const { versionCommand } = await import(source + '/plugins/backup/program/version.ts')
const { printError } = await import(source + '/core/kernel/error.ts')
await versionCommand.run(args, (text) => process.stdout.write(text)).catch((error) => { process.exitCode = printError(error) })
`,
    )
    const run = (...args: readonly string[]) =>
      spawnSync(process.execPath, ['--conditions=mezite-source', main, source, ...args], { encoding: 'utf8' })
    t.match(run(), { status: 0, stdout: `mezhub ${version}\n` })
    t.match(run('--verify'), { status: 1, stderr: /built without an attestation \(MEZ_PROGRAM_UNATTESTED\)/ })
    const by = signer
    const attested = new Map(
      [hub, core].map((path, at) => [at === 0 ? '@mezite/hub' : '@mezite/core', packageDigest(path)]),
    )
    cpSync(bundleOf(attested, by), join(hub, 'attestation.json'))
    const { status, stdout } = run('--verify')
    t.equal(status, 0)
    t.match(
      stdout,
      /^2 packages are as attested by https:\/\/github\.com\/mezite\/mezite\/\S+@refs\/tags\/v/m,
    )
    t.match(stdout, /a changed program could say it too/)
    appendFileSync(join(core, 'package.json'), '\n')
    t.match(run('--verify'), {
      status: 1,
      stderr: /@mezite\/core \(.*\) differs from its attestation \(MEZ_PROGRAM_CHANGED\)/,
    })
    rmSync(core, { recursive: true })
    t.match(run('--verify'), { status: 1, stderr: /@mezite\/core is missing/ })
    t.end()
  },
)
