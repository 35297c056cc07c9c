import { existsSync, readFileSync } from 'node:fs'

/**
 * The first lines of a program: answers `--version` at once, and otherwise loads and runs the rest with the words of
 * the command line and the package's manifest. `base` is `import.meta.url` of the program's entry, in its package's
 * folder or in the `dist` of it. Imports nothing: this is the way to the first output.
 */
export async function startProgram(
  name: string,
  base: string,
  run: (argv: readonly string[], manifest: URL) => Promise<void>,
): Promise<void> {
  // Readers that close early (`| head`) end the program quietly.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0)
      // The last words, where they can still be said.
      if (stream === process.stdout) {
        process.stderr.write(`error: the output cannot be written: ${error.message} (MEZ_FILE_UNWRITABLE)\n`)
        process.stderr.write('Look at where the output goes and at the space left.\n')
      }
      process.exit(1)
    })
  }
  // oclif would load a library to compare the version of Node.js, which has been looked at before.
  process.env.OCLIF_DISABLE_ENGINE_WARNING ??= '1'
  const here = new URL('./package.json', base)
  const manifest = existsSync(here) ? here : new URL('../package.json', base)
  const argv = process.argv.slice(2)
  if (argv.length === 1 && argv[0] === '--version') {
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
    process.stdout.write(`${name} ${version}\n`)
  } else {
    await run(argv, manifest)
  }
}
