import { startProgram } from '@mezite/cli/start'

await startProgram('mezctl', import.meta.url, async (argv, manifest) => {
  const { runMezctl } = await import('./program.ts')
  await runMezctl(argv, manifest)
})
