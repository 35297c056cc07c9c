import { startProgram } from '@mezite/cli-shared/start'

await startProgram('mezctl', import.meta.url, async (argv, manifest) => {
  const { runMezctl } = await import('./run-mezctl.ts')
  await runMezctl(argv, manifest)
})
