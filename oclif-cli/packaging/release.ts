/**
 * `npm run release -- --dry-run [--bump major|minor|patch|none] [--target FOLDER]`: makes every form of a release in `dist/release`, as for
 * the version after the bump, and changes no other file. Two runs of one commit are equal byte for byte.
 *
 * `npm run release -- --sums FILE [--bump …]`: writes the digest of each package, which the workflow has attested; `--dry-run --attestation
 * BUNDLE` then ships the statement, with which `mezhub version --verify` compares its own files.
 *
 * `npm run release -- --check [FORM…]`: installs each form of `dist/release` and opens an app through it, makes the release again in
 * another folder, compares, and writes `CHECKS.md`.
 *
 * `npm run release -- --bump LEVEL`: sets the version of this checkout and dates its changelog. Whoever tags that commit starts the
 * workflow that publishes: nobody publishes from a machine of their own.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
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
    target: { type: 'string', default: join(root, 'dist/release') },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const version = bumped(manifestOf(root).version, levelOf(values.bump))
if (values.sums !== undefined) await writePackageSums(version, values.sums)
else if (values['dry-run']) {
  const { attestation } = values
  const files = await makeRelease(version, values.target, say, {
    ...(attestation !== undefined && { attestation }),
  })
  say(`${files.length} files are in ${values.target}; nothing was published, and no other file was changed`)
} else if (values.check) await checkRelease(values.target, positionals, say)
else {
  await prepareRelease(version, new Date(commitSeconds() * 1_000).toISOString().slice(0, 10))
  say(`commit the new versions, and tag the commit v${version}: the release workflow publishes it`)
}
