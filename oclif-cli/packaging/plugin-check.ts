/**
 * `npm run plugin-check -- PACKAGE --key FILE [--target FOLDER]`: packs a plugin (a package of npm, a folder or a tarball), installs it
 * beside the packages of this checkout, runs the suites of the kit that fit it, and writes the result, signed with an Ed25519 key (`openssl
 * genpkey -algorithm ed25519 -out FILE`), to `dist/plugin-checks/NAME-VERSION.json`. Exits 1 if a test failed. It runs the code of the
 * plugin: use a machine that has nothing to lose.
 *
 * `npm run plugin-check -- --index FOLDER --trust FILE…`: writes `index.md` from the results in a folder, each of which one of
 * these public keys must have signed.
 */
import { execFileSync } from 'node:child_process'
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { installPackages } from './installed-packages.ts'
import type { SuiteResult } from './plugin-suites.ts'
import { type CheckStatement, indexPage, RESULT_TYPE, signResult, verifiedResult } from './signed-result.ts'
import { manifestOf, root } from './workspaces.ts'

const MOST_MS = 600_000

/** Packs, installs and checks a package; the statement is not signed yet. */
export async function checkPlugin(source: string): Promise<CheckStatement> {
  const modules = await installPackages()
  const folder = mkdtempSync(join(tmpdir(), 'mezite-plugin-check-'))
  try {
    // Nothing of this machine but what programs need to start: the code is that of somebody else.
    const { PATH } = process.env
    const env = { PATH, HOME: folder, TMPDIR: folder }
    const { NODE_OPTIONS: _, ...own } = process.env
    const npm = (...args: readonly string[]) =>
      execFileSync('npm', args, {
        cwd: folder,
        env: own,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
    writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}\n')
    const from = existsSync(source) ? resolve(source) : source
    const packed = npm('pack', '--silent', '--ignore-scripts', '--', from)
    const tarball = join(folder, packed.trim().split('\n').at(-1)!)
    const flags = ['--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error']
    npm('install', ...flags, tarball)
    const [name] = Object.keys(manifestOf(folder).dependencies!)
    for (const one of globSync('@mezite/*', { cwd: modules })) {
      const link = join(folder, 'node_modules', one)
      mkdirSync(join(folder, 'node_modules/@mezite'), { recursive: true })
      if (!existsSync(link)) symlinkSync(join(modules, one), link)
    }
    const runner = join(folder, 'plugin-suites.ts')
    copyFileSync(join(import.meta.dirname, 'plugin-suites.ts'), runner)
    const output = join(folder, 'result.json')
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', runner, name!, output], {
      ...{ cwd: folder, env, timeout: MOST_MS },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (!existsSync(output)) throw new Error(`${name} ended the program that checks it`)
    const { version, mezite = {} } = manifestOf(join(folder, 'node_modules', name!))
    return {
      _type: 'https://in-toto.io/Statement/v1',
      predicateType: RESULT_TYPE,
      subject: [
        {
          name: `pkg:npm/${name!.replace('@', '%40')}@${version}`,
          digest: { sha512: createHash('sha512').update(readFileSync(tarball)).digest('hex') },
        },
      ],
      predicate: {
        ...(JSON.parse(readFileSync(output, 'utf8')) as SuiteResult),
        package: name!,
        version,
        against: { mezite: manifestOf(root).version, node: process.versions.node },
        checked: new Date().toISOString().slice(0, 10),
        declared: mezite as CheckStatement['predicate']['declared'],
      },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes `index.md` from the results of a folder. Throws for one that no trusted key has signed. */
export function writeIndex(folder: string, trusted: readonly string[]): string {
  const keys = trusted.map((file) => createPublicKey(readFileSync(file)))
  const statements = globSync('*.json', { cwd: folder })
    .sort()
    .map((file) => {
      try {
        return verifiedResult(readFileSync(join(folder, file), 'utf8'), keys)
      } catch (cause) {
        throw new Error(`${file}: ${(cause as Error).message}`, { cause })
      }
    })
  const page = join(folder, 'index.md')
  writeFileSync(page, indexPage(statements))
  return page
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      key: { type: 'string' },
      target: { type: 'string', default: join(root, 'dist/plugin-checks') },
      index: { type: 'string' },
      trust: { type: 'string', multiple: true, default: [] },
    },
  })
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  if (values.index !== undefined && values.trust.length > 0)
    say(`wrote ${writeIndex(values.index, values.trust)}`)
  else if (positionals.length === 1 && values.key !== undefined) {
    const key = createPrivateKey(readFileSync(values.key))
    const statement = await checkPlugin(positionals[0]!)
    const { package: name, version, rows, notRun } = statement.predicate
    for (const { suite, title, failure } of rows)
      say(
        `${failure === null ? 'ok  ' : 'FAIL'}  ${suite}: ${title}${failure === null ? '' : `: ${failure}`}`,
      )
    for (const reason of notRun) say(`skip  ${reason}`)
    mkdirSync(values.target, { recursive: true })
    const file = join(values.target, `${name.replace('@', '').replace('/', '-')}-${version}.json`)
    writeFileSync(file, `${JSON.stringify(signResult(statement, key))}\n`)
    say(`wrote ${file}`)
    if (rows.some(({ failure }) => failure !== null)) process.exitCode = 1
  } else {
    process.stderr.write(
      'Usage: npm run plugin-check -- PACKAGE --key FILE, or --index FOLDER --trust FILE\n',
    )
    process.exitCode = 2
  }
}
