import { registerHooks } from 'node:module'
import t from 'tap'

/** What a file that is being loaded gets as its `tap`. */
const current = globalThis as { fileUnderTest?: typeof t | undefined }

/**
 * Runs test files in this process one after the other, each as a subtest: hubs that a file has started are stopped before
 * the next file begins, whereas files that are imported together all start theirs at once. Files are relative to `base`.
 */
export async function runTogether(base: string, files: readonly string[]): Promise<void> {
  const urls = files.map((file) => new URL(file, base).href)
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
  for (const [index, url] of urls.entries()) {
    await t.test(files[index]!, async (t) => {
      current.fileUnderTest = t as never
      await import(url)
    })
  }
}
