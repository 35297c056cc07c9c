/** What a release contains beside its programs: archives, the manifests of stores, the chart, the bill of materials. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { gzipped, tarOf } from '../../oclif-cli/packaging/archive.ts'
import { basePackages } from '../../oclif-cli/packaging/base-files.ts'
import { billOfMaterials, vulnerabilities } from '../../oclif-cli/packaging/bill-of-materials.ts'
import { checkSums } from '../../oclif-cli/packaging/check-release.ts'
import { filesIn, writeChecksums } from '../../oclif-cli/packaging/checksums.ts'
import { releaseNotes } from '../../oclif-cli/packaging/release-notes.ts'
import { pack } from '../../oclif-cli/packaging/staging.ts'
import { chartArchive, homebrewFormula, wingetManifest } from '../../oclif-cli/packaging/store-manifests.ts'

const scratch = mkdtempSync(join(tmpdir(), 'mezite-release-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

t.test('an archive has long names and links as tar reads them', (t) => {
  const long = `${'a'.repeat(90)}/${'b'.repeat(90)}`
  const members = [
    { path: long, content: 'text', mode: 0o755 },
    { path: 'link', link: long },
    { path: 'own', folder: true, mode: 0o700, owner: 65532 },
  ] as const
  const file = join(scratch, 'archive.tgz')
  writeFileSync(file, gzipped(tarOf(members, 1_700_000_000)))
  const listed = execFileSync('tar', ['--utc', '--numeric-owner', '-tvzf', file], { encoding: 'utf8' })
  t.match(listed, `-rwxr-xr-x 0/0               4 2023-11-14 22:13 ${long}\n`)
  t.match(listed, `link -> ${long}\n`)
  t.match(listed, /drwx------ 65532\/65532 .* own\/\n/)
  t.end()
})

t.test('P181 a package for npm is the same whatever mask the checkout was made with', (t) => {
  const packedWith = (mask: number) => {
    const before = process.umask(mask)
    try {
      const target = mkdtempSync(join(scratch, 'packs-'))
      const folder = join(target, 'one')
      mkdirSync(join(folder, 'inner'), { recursive: true })
      writeFileSync(join(folder, 'package.json'), '{"name":"one","version":"1.2.3"}')
      writeFileSync(join(folder, 'inner/text.js'), 'text')
      writeFileSync(join(folder, 'run.js'), 'run', { mode: 0o777 })
      return pack([folder], target)[0]!
    } finally {
      process.umask(before)
    }
  }
  const [usual, strict] = [packedWith(0o022), packedWith(0o077)]
  const listed = execFileSync('tar', ['-tvzf', strict], { encoding: 'utf8' })
  t.match(listed, /^-rw-r--r-- .* package\/inner\/text\.js$/m)
  t.match(listed, /^-rwxr-xr-x .* package\/run\.js$/m)
  t.ok(readFileSync(strict).equals(readFileSync(usual)))
  t.end()
})

t.test('notes say what no machine has run, and whether a workflow has signed the files', (t) => {
  const [local, signed] = [false, true].map((attested) =>
    releaseNotes('1.2.3', '- A change.', ['a.tgz'], attested),
  )
  for (const system of ['Debian 13 arm64', 'Linux arm64', 'Windows x64', 'macOS arm64', 'linux/arm64'])
    t.match(local, new RegExp(`^\\| .* \\| ${system}.* \\| nothing.*workflow`, 'm'), system)
  t.match(local, 'No workflow of a forge has made these files')
  t.notMatch(signed, 'No workflow of a forge')
  t.end()
})

t.test('formulas, manifests and chart name the files of the release by their hashes', (t) => {
  const sum = (digit: string) => digit.repeat(64)
  const sums = new Map([
    ['msh-linux-x64', sum('1')],
    ['msh-linux-arm64', sum('2')],
    ['msh-windows-x64.exe', sum('a')],
    ['mezite-msh-1.2.3.tgz', sum('4')],
  ])
  const program = { name: 'msh', summary: 'Opens apps', version: '1.2.3', sums } as const
  const formula = homebrewFormula(program)
  for (const [file, hash] of [...sums].filter(([file]) => !file.endsWith('.exe')))
    t.match(formula, new RegExp(`url "https://\\S+/v1\\.2\\.3/${file}"\\n +sha256 "${hash}"`))
  const winget = [...wingetManifest(program)].map(([file, text]) => [file, parse(text)] as const)
  for (const [, manifest] of winget)
    t.match(manifest, { PackageIdentifier: 'Mezite.msh', PackageVersion: '1.2.3', ManifestVersion: /^\d/ })
  t.equal(new Map(winget).get('Mezite.msh.installer.yaml').Installers[0].InstallerSha256, sum('A'))
  t.throws(() => homebrewFormula({ ...program, sums: new Map() }), /no file mezite-msh-1\.2\.3\.tgz for msh/)

  writeFileSync(
    join(scratch, 'chart.tgz'),
    chartArchive('1.2.3', { hub: 'r/h@sha256:1', agent: 'r/a@sha256:2' }, 1),
  )
  const read = (name: string) =>
    parse(execFileSync('tar', ['-xzOf', join(scratch, 'chart.tgz'), `mezite/${name}`], { encoding: 'utf8' }))
  t.match(read('Chart.yaml'), { name: 'mezite', version: '1.2.3', appVersion: '1.2.3' })
  t.match(read('values.yaml'), { hub: { image: 'r/h@sha256:1' }, agent: { image: 'r/a@sha256:2' } })
  t.end()
})

t.test(
  'the bill of materials has what the forms contain, and each known vulnerability is about a part of it',
  (t) => {
    const { components, serialNumber, metadata } = JSON.parse(billOfMaterials('1.2.3', 1_700_000_000))
    const purls = components.map(({ purl }: { purl: string }) => purl)
    for (const { name } of basePackages())
      t.ok(
        purls.some((purl: string) => purl.startsWith(`pkg:deb/debian/${encodeURIComponent(name)}@`)),
        name,
      )
    t.ok(purls.includes('pkg:npm/%40mezite/core@1.2.3'))
    t.notOk(purls.some((purl: string) => /@mezite%?\/.*@0\.1\.0/.test(purl)))
    t.match(serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    t.equal(metadata.timestamp, '2023-11-14T22:13:20.000Z')
    t.match(metadata.component, { name: 'mezite', version: '1.2.3' }, 'whatever folder the checkout is in')
    const { statements } = JSON.parse(vulnerabilities('1.2.3', 1_700_000_000))
    t.ok(statements.length > 0)
    for (const { products, status, justification, action_statement } of statements) {
      t.ok(purls.includes(products[0].subcomponents[0]['@id']))
      t.ok(status === 'not_affected' ? justification : action_statement, 'a reader knows why, or what to do')
    }
    t.end()
  },
)

t.test(
  'P181 the files of a release match their checksums, and a chart and a bill of materials are equal when they are made again',
  (t) => {
    const folder = mkdtempSync(join(scratch, 'sums-'))
    const make = () => [
      chartArchive('1.2.3', { hub: 'a', agent: 'b' }, 1_700_000_000),
      Buffer.from(billOfMaterials('1.2.3', 1_700_000_000)),
    ]
    const [chart, bill] = make()
    const before = process.umask(0o077)
    const again = make()
    process.umask(before)
    t.ok(again[0]!.equals(chart!) && again[1]!.equals(bill!))
    writeFileSync(join(folder, 'chart.tgz'), chart!)
    writeFileSync(join(folder, 'sbom.json'), bill!)
    t.throws(() => checkSums(folder), /has no release/)
    writeChecksums(folder)
    t.strictSame(filesIn(folder), ['chart.tgz', 'sbom.json'])
    execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: folder })
    checkSums(folder)
    writeFileSync(join(folder, 'sbom.json'), '{}')
    t.throws(() => checkSums(folder), /sbom\.json does not match SHA256SUMS/)
    writeFileSync(join(folder, 'sbom.json'), bill!)
    writeFileSync(join(folder, 'added'), '')
    t.throws(() => checkSums(folder), /added does not match/)
    t.end()
  },
)
