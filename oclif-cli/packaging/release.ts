/**
 * `npm run release -- --dry-run [--bump major|minor|patch|none] [--target FOLDER]`: makes every form of a release in `dist/release`, as for
 * the version after the bump, and changes no other file. Two runs of one commit are equal byte for byte.
 *
 * `npm run release -- --sums FILE [--bump …]`: writes the digest of each package, which the workflow has attested; `--dry-run --attestation
 * BUNDLE` then ships the statement, with which `mezhub version --verify` compares its own files.
 *
 * `--with FOLDER` takes executables along that a Mac has made (`npm run executables` there).
 *
 * `npm run release -- --check [FORM…]`: installs each form of `dist/release` and opens an app through it, makes the release again in
 * another folder (`second build`), compares, and writes `CHECKS.md`. Named forms are checked alone; their rows are added to the table.
 *
 * `npm run release -- --sign-agents KEY [--target FOLDER]`: signs the agents of `dist/release` with a release key, an Ed25519 key in PEM, and writes
 * `dist/mezd-release.json`, to which each holder of a key adds a signature. Agents that may update themselves read it.
 *
 * `npm run release -- --bump LEVEL`: sets the version of this checkout and dates its changelog. Whoever tags that commit starts the
 * workflow that publishes: nobody publishes from a machine of their own.
 */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { signAgents } from './agent-release.ts'
import { checkRelease } from './check-release.ts'
import { makeRelease, writePackageSums } from './make-release.ts'
import { bumped, levelOf, prepareRelease } from './versions.ts'
import { commitSeconds, manifestOf, root } from './workspaces.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bump: { type: 'string', default: 'minor' },
    'dry-run': { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    sums: { type: 'string' },
    attestation: { type: 'string' },
    with: { type: 'string' },
    'sign-agents': { type: 'string' },
    target: { type: 'string', default: join(root, 'dist/release') },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const version = bumped(manifestOf(root).version, levelOf(values.bump))
const key = values['sign-agents']
if (key !== undefined) say(signAgents(values.target, createPrivateKey(readFileSync(key)), Date.now()))
else if (values.sums !== undefined) await writePackageSums(version, values.sums)
else if (values['dry-run']) {
  const { attestation, with: others } = values
  const files = await makeRelease(version, values.target, say, {
    ...(attestation !== undefined && { attestation }),
    ...(others !== undefined && { with: others }),
  })
  say(`${files.length} files are in ${values.target}; nothing was published, and no other file was changed`)
} else if (values.check) await checkRelease(values.target, positionals, say, values)
else {
  await prepareRelease(version, new Date(commitSeconds() * 1_000).toISOString().slice(0, 10))
  say(`commit the new versions, and tag the commit v${version}: the release workflow publishes it`)
}
