/** A program of its own: prints what `mezctl COMMAND --help` prints, of one command after the other. */
import { commands } from '../../oclif-cli/mezctl/commands.ts'
import { runMezctl } from '../../oclif-cli/mezctl/program.ts'

const manifest = new URL('../../oclif-cli/mezctl/package.json', import.meta.url)
for (const name of Object.keys(commands)) await runMezctl([...name.split(' '), '--help'], manifest)
