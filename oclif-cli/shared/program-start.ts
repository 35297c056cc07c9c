/**
 * The entry of the programs, which loads the rest.
 *
 * @internal
 */
import { existsSync, readFileSync } from 'node:fs'

/**
 * The entry of a program: prints `--version` at once, otherwise loads and runs the rest with the arguments and the
 * package's manifest. `base` is `import.meta.url` of the entry, in the folder of its package or in `dist`. It imports
 * no module of this repository, because it runs before the first output.
 */
export async function startProgram(
  name: string,
  base: string,
  run: (argv: readonly string[], manifest: URL) => Promise<void>,
): Promise<void> {
  // A reader that closes early (`| head`) ends the program without an error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0)
      if (stream === process.stdout) {
        process.stderr.write(`error: cannot write the output: ${error.message} (MEZ_FILE_UNWRITABLE)\n`)
        process.stderr.write('Check where the output goes, and the free space there.\n')
      }
      process.exit(1)
    })
  }
  // oclif would load a library to check the version of Node.js, which the launcher has already checked.
  process.env.OCLIF_DISABLE_ENGINE_WARNING ??= '1'
  const manifest = manifestOf(base)
  const argv = process.argv.slice(2)
  if (argv.length === 1 && argv[0] === '--version') {
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
    process.stdout.write(`${name} ${version}\n`)
  } else {
    await run(argv, manifest)
  }
}

/** The package.json of a module in the folder of its package, or in `dist`. */
export function manifestOf(base: string): URL {
  const here = new URL('./package.json', base)
  return existsSync(here) ? here : new URL('../package.json', base)
}
