import { runMezd } from './mezd.ts'

await runMezd(process.argv.slice(2))
