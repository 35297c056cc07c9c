import { open, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { appSources, defineAgentPlugin, messageOf, Type } from '@mezite/core'
import type { ProposedApp } from '@mezite/core/administration'
import { parse } from 'yaml'

/** Of one file. */
const MOST_BYTES = 16 * 1024

/**
 * Proposes an app for each `NAME.yaml` of a folder, with `uri` and, if the file has them, `protocol`, `labels` and
 * `description`. Reads the folder again at an interval; while one file cannot be read, the others count.
 */
export default defineAgentPlugin({
  name: 'app-folder',
  api: 1,
  summary: 'Proposes the apps that the files of a folder describe',
  config: Type.Object(
    {
      folder: Type.String({ pattern: '^/', description: 'Folder with a file NAME.yaml for each app' }),
      interval: Type.Duration({
        default: '10s',
        min: '100ms',
        max: '1d',
        description: 'How often files are read',
      }),
    },
    { additionalProperties: false },
  ),
  provides: { appSources },
  setup({ config: { folder, interval }, log, provide }) {
    async function read(file: string): Promise<ProposedApp[]> {
      try {
        const { uri, protocol, labels, description } = Object(parse(await textOf(join(folder, file))))
        return [{ name: basename(file, '.yaml'), uri, protocol, labels, description }]
      } catch (error) {
        log.warn({ file, reason: messageOf(error) }, 'failed to read a file of an app')
        return []
      }
    }

    provide.appSources({
      name: 'app-folder',
      async watch(propose, signal) {
        while (!signal.aborted) {
          const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort()
          const apps = (await Promise.all(files.map(read))).flat()
          if (!signal.aborted) propose(apps)
          await pause(interval, undefined, { signal }).catch(() => {})
        }
      },
    })
  },
})

async function textOf(path: string): Promise<string> {
  await using file = await open(path)
  const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(MOST_BYTES + 1) })
  if (bytesRead > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`)
  return buffer.toString('utf8', 0, bytesRead)
}
