import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { appSources, defineAgentPlugin, messageOf, Type } from '@mezite/core'
import type { ProposedApp } from '@mezite/core/administration'

/**
 * Proposes the applications of a JSON file, `[{ "name": …, "uri": …, "labels": … }]`, and reads it again at an interval. A hub
 * keeps what its rules admit, and nobody reaches an application before an administrator accepts it.
 */
export default defineAgentPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Proposes the applications of a file',
  config: Type.Closed({
    file: Type.String({ pattern: '^/', description: 'JSON: a list of applications' }),
    interval: Type.Duration({
      default: '30s',
      min: '100ms',
      max: '1d',
      description: 'How often it is read',
    }),
  }),
  provides: { appSources },
  setup({ config, log, provide }) {
    provide.appSources({
      name: 'my-plugin',
      async watch(propose, signal) {
        while (!signal.aborted) {
          try {
            const apps = JSON.parse(await readFile(config.file, 'utf8')) as ProposedApp[]
            if (!Array.isArray(apps)) throw new Error('it is not a list')
            if (!signal.aborted) propose(apps)
          } catch (error) {
            // Earlier proposals stay.
            log.warn({ reason: messageOf(error) }, 'failed to read the file of applications')
          }
          await pause(config.interval, undefined, { signal }).catch(() => {})
        }
      },
    })
  },
})
