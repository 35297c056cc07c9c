/**
 * `node command-manifest.ts FOLDER`: writes what the list of the commands of a staged program shows to `oclif.manifest.json`
 * in its folder. With it `--help` loads no command.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Config } from '@oclif/core/config'
import { manifestOf } from './workspaces.ts'

const [folder = ''] = process.argv.slice(2)
const pjson = manifestOf(folder)
const config = await Config.load({
  root: folder,
  pjson: {
    ...pjson,
    oclif: {
      ...pjson.oclif,
      plugins: [],
      commands: { strategy: 'explicit', target: './dist/command-classes.js', identifier: 'COMMANDS' },
    },
  } as never,
  ignoreManifest: true,
  errorOnManifestCreate: true,
  userPlugins: false,
  devPlugins: false,
})
// The types of oclif leave it out.
const { manifest } = config.plugins.get(pjson.name) as unknown as { readonly manifest: object }
writeFileSync(join(folder, 'oclif.manifest.json'), `${JSON.stringify(manifest)}\n`)
