import { startProgram } from '@mezite/cli-shared/start'

await startProgram('msh', import.meta.url, async (argv, manifest) => {
  const { runMsh } = await import('./run-msh.ts')
  await runMsh(argv, manifest)
})
