/** Proves a release: each form is installed and opens an app, and a second build is equal. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CHECKSUMS, filesIn, sha256Of } from './checksums.ts'
import { type Form, forms } from './installed-forms.ts'
import { openApp, startPrograms } from './open-app.ts'
import { root } from './workspaces.ts'

/** Beside the release and not part of it: two machines run different forms. */
export const CHECKS = 'CHECKS.md'

const SECOND = 'second build'

/**
 * Installs the forms of a release and opens an app through each, then makes the release again and compares; with `wanted`, those
 * whose names contain one of its texts. Writes the table `CHECKS.md` beside the folder, and keeps the rows that an earlier call has found about
 * the same release. Throws if one fails.
 *
 * @param made what the release was made with
 */
export async function checkRelease(
  release: string,
  wanted: readonly string[],
  say: (line: string) => void,
  made: Made = {},
): Promise<void> {
  checkSums(release)
  const isWanted = (name: string) => wanted.length === 0 || wanted.some((text) => name.includes(text))
  const table = join(release, '..', CHECKS)
  const head = `Checks of the release with these checksums: ${sha256Of(readFileSync(join(release, CHECKSUMS)))}

| form | what was run on this machine |
|---|---|
`
  const before = existsSync(table) ? readFileSync(table, 'utf8') : ''
  const known = wanted.length > 0 && before.startsWith(head) ? before.slice(head.length).split('\n') : []
  const rows = new Map(known.filter(Boolean).map((row) => [row.split(' | ')[0]!, row]))
  let failed = false
  const note = (what: string, result: string) => {
    rows.set(`| ${what}`, `| ${what} | ${result.split('\n')[0]} |`)
    say(`${what}: ${result}`)
  }
  for (const form of forms) {
    if (!isWanted(form.name)) continue
    const missing = form.whyNot()
    if (missing !== null) {
      note(form.name, `not run: ${missing}`)
      continue
    }
    try {
      note(form.name, await tryForm(form, release))
    } catch (error) {
      failed = true
      note(form.name, `FAILED: ${(error as Error).message}`)
    }
  }
  if (isWanted(SECOND)) {
    const different = secondBuild(release, made)
    failed ||= different.length > 0
    note(SECOND, different.length === 0 ? 'equal byte for byte' : `FAILED: other ${different.join(', ')}`)
  }
  writeFileSync(table, `${head}${[...rows.values()].join('\n')}\n`)
  if (failed) throw new Error('the release did not pass its checks')
}

/** Installs a form of a release, opens an app through it, and takes it away again; returns what the app and each program's `--version` said. */
export async function tryForm(form: Form, release: string): Promise<string> {
  const parent = mkdtempSync(join(tmpdir(), 'mezite-check-'))
  const folder = join(parent, 'form')
  const data = join(parent, 'data')
  for (const one of [folder, data]) mkdirSync(one)
  let remove = () => {}
  try {
    const installed = form.install(release, folder)
    remove = installed.remove ?? remove
    const versions = await startPrograms(installed.form, data)
    return `${await openApp(installed.form, data)}, ${versions}`
  } finally {
    remove()
    rmSync(parent, { recursive: true, force: true })
  }
}

/** Throws if a file differs from its checksum, or has none. */
export function checkSums(release: string): void {
  if (!existsSync(join(release, CHECKSUMS)))
    throw new Error(`${release} has no release; make it with: npm run release -- --dry-run`)
  const lines = readFileSync(join(release, CHECKSUMS), 'utf8').trim().split('\n')
  const sums = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]))
  for (const file of filesIn(release))
    if (sums.get(file) !== sha256Of(readFileSync(join(release, file))))
      throw new Error(`${file} does not match ${CHECKSUMS}`)
}

/** Files that a release has not made itself. */
interface Made {
  readonly attestation?: string | undefined
  readonly with?: string | undefined
}

/** Builds this commit again from a clone in another folder, without any cache but downloads; returns the files that differ. */
function secondBuild(release: string, made: Made): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'mezite-again-'))
  const clone = join(folder, 'another place')
  try {
    const run = (command: string, ...args: readonly string[]) =>
      execFileSync(command, args, {
        cwd: existsSync(clone) ? clone : root,
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    run('git', 'clone', '--quiet', root, clone)
    appendFileSync(join(clone, '.git/info/exclude'), 'node_modules\n')
    // Links of npm to packages of this repository are relative, so that they lead into the clone. A temporary folder may be in memory.
    const linked = statSync(folder).dev === statSync(root).dev ? ['--link'] : []
    run('cp', '--archive', ...linked, join(root, 'node_modules'), join(clone, 'node_modules'))
    for (const file of execFileSync('git', ['ls-files', '*/package.json'], { cwd: root, encoding: 'utf8' })
      .trim()
      .split('\n')) {
      const nested = file.replace('package.json', 'node_modules')
      if (existsSync(join(root, nested)))
        run('cp', '--archive', ...linked, join(root, nested), join(clone, nested))
    }
    rmSync(join(clone, 'node_modules/.cache'), { recursive: true })
    for (const name of ['node', 'debian']) {
      const cache = join('node_modules/.cache', name)
      if (existsSync(join(root, cache))) cpSync(join(root, cache), join(clone, cache), { recursive: true })
    }
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const released = filesIn(release)
      .find((file) => file.startsWith('mezhub_'))
      ?.split('_')[1]
    const bump = released === version ? 'none' : 'minor'
    const again = join(folder, 'release')
    const more = (['attestation', 'with'] as const).flatMap((name) =>
      made[name] === undefined ? [] : [`--${name}`, resolve(made[name])],
    )
    execFileSync(
      'sh',
      [
        '-c',
        `umask 077; exec npm run --silent release -- --dry-run --bump ${bump} --target "$@"`,
        'sh',
        again,
        ...more,
      ],
      {
        cwd: clone,
        env: { ...process.env, TZ: 'Pacific/Auckland' },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    const names = new Set([...filesIn(release), ...filesIn(again)])
    const bytes = (file: string) => (existsSync(file) ? sha256Of(readFileSync(file)) : '')
    return [...names].filter((name) => bytes(join(release, name)) !== bytes(join(again, name)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
