import { mkdirSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { openHandles } from './open-handles.ts'
import { root } from './read-imports.ts'
import { unitsOf } from './units.ts'

/**
 * A program: `node test/together.ts NAME` runs the files of a mark in this process; `test/test-files.ts` says in
 * `MEZITE_TEST_FILES` which of them.
 */

/** What a file that is being loaded gets as its `tap`. */
const current = globalThis as { fileUnderTest?: typeof t | undefined }

/** A folder in which the processes that share these files take one after the other. */
const claims = process.env.MEZITE_TEST_CLAIMS

/** Whether this process runs the file with this index: no other has taken it. */
function takes(index: number): boolean {
  if (claims === undefined) return true
  try {
    mkdirSync(join(claims, String(index)))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/**
 * Runs test files in this process one after the other, each as a subtest: what a file has started is stopped before the
 * next file begins, and what it left open fails it. Files are relative to the root of the repository.
 */
async function runTogether(files: readonly string[]): Promise<void> {
  const urls = files.map((file) => pathToFileURL(join(root, file)).href)
  registerHooks({
    resolve(specifier, context, next) {
      const file = specifier === 'tap' ? urls.indexOf(context.parentURL ?? '') : -1
      if (file === -1) return next(specifier, context)
      const source = `export default globalThis.fileUnderTest // ${file}`
      return {
        url: `data:text/javascript,${encodeURIComponent(source)}`,
        format: 'module',
        shortCircuit: true,
      }
    },
  })
  // One test around all of them: what modules share, they tear down when nothing runs.
  await t.test(`${files.length} files`, async (t) => {
    for (const [index, url] of urls.entries()) {
      if (!takes(index)) continue
      await t.test(files[index]!, async (t) => {
        current.fileUnderTest = t as never
        await import(url)
      })
      const left = await openHandles()
      if (left.length > 0) t.fail(`${files[index]} left open: ${left.join(', ')}`)
    }
  })
}

// Not as arguments, of which tap makes names of folders.
const [, , name] = process.argv
const files =
  process.env.MEZITE_TEST_FILES?.split(' ') ?? unitsOf().find((unit) => unit.name === name)?.files ?? []
await runTogether(files)
