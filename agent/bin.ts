import { runMezd } from './run-mezd.ts'

await runMezd(process.argv.slice(2))
