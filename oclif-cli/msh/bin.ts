import { startProgram } from '@mezite/cli/start'

await startProgram('msh', import.meta.url, async (argv, manifest) => {
  const { runMsh } = await import('./program.ts')
  await runMsh(argv, manifest)
})
