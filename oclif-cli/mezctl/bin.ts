import { existsSync, readFileSync } from 'node:fs'

/** Readers that close early (`| head`) end the program quietly. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

/** The package's folder: this file is in it, or in its `dist`. */
const here = new URL('./package.json', import.meta.url)
const manifest = existsSync(here) ? here : new URL('../package.json', import.meta.url)

const argv = process.argv.slice(2)
if (argv.length === 1 && argv[0] === '--version') {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  process.stdout.write(`mezctl ${version}\n`)
} else {
  const { runMezctl } = await import('./run-mezctl.ts')
  await runMezctl(argv, manifest)
}
