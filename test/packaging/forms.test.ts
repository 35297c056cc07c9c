// needs: runc
// long
/** A hub that was installed as executable, as Debian package or as image opens an app, as `npm run release -- --check` finds it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { installedBaseFiles } from '../../oclif-cli/packaging/base-files.ts'
import { tryForm } from '../../oclif-cli/packaging/check-release.ts'
import { linuxOn } from '../../oclif-cli/packaging/executables.ts'
import { forms } from '../../oclif-cli/packaging/installed-forms.ts'
import { writeLocalPackages } from '../../oclif-cli/packaging/local-packages.ts'
import { writeForms } from '../../oclif-cli/packaging/make-release.ts'

t.setTimeout(900_000)

const processor = process.arch === 'arm64' ? 'arm64' : 'amd64'
// On a disk: they are large, and programs of other users start from them.
const scratch = mkdtempSync('/var/tmp/mezite-forms-')
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
const folder = join(scratch, 'release')
mkdirSync(folder)
// Packed and installed already, so that nothing is made twice.
const staged = process.env.PACKAGES_UNDER_TEST ?? (await writeLocalPackages(join(scratch, 'packages')))
writeForms({ staged, folder, fast: true, processor, base: installedBaseFiles })

// End-to-end tests start the packages for npm.
for (const name of [
  `executables, ${linuxOn(processor)}`,
  `Debian packages, ${processor}`,
  `images, linux/${processor}`,
]) {
  const form = forms.find((one) => one.name === name)!
  const missing = form.whyNot()
  // Where nobody reads why, it fails.
  const skip = process.env.CI ? false : (missing ?? false)
  t.test(`P181 ${name}: hub and agent start, and a bot opens an app`, { skip }, async (t) => {
    t.match(await tryForm(form, folder), /^opened by \S+, mezhub \d/)
  })
}
