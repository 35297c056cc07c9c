/**
 * `node command-manifest.ts FOLDER FILE`: writes what the list of the commands of a program shows to a file, which is published as
 * `oclif.manifest.json`. With it `--help` loads no command. FOLDER is the built package in this repository, where its
 * dependencies are found, whereas those of a staged one may be nowhere.
 */
import { writeFileSync } from 'node:fs'
import { Config } from '@oclif/core/config'
import { manifestOf } from './workspaces.ts'

const [folder = '', file = ''] = process.argv.slice(2)
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
writeFileSync(file, `${JSON.stringify(manifest)}\n`)
