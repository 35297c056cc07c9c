import { rmSync, writeFileSync } from 'node:fs'
import { defineAgentPlugin, messageOf, Type } from '@mezite/core'

/** Keeps a file while at least one link to a hub is up, for a supervisor or a health check of the machine. */
export default defineAgentPlugin({
  name: 'agent-alerts',
  api: 1,
  summary: 'Keeps a file while the agent is connected',
  config: Type.Closed({ file: Type.String({ minLength: 1 }) }),
  setup({ config, log, tap }) {
    const hubs = new Set<string>()
    const remove = () => rmSync(config.file, { force: true })
    tap.link.changed(({ instance, connected }) => {
      if (connected) hubs.add(instance)
      else hubs.delete(instance)
      try {
        if (hubs.size > 0) writeFileSync(config.file, `${hubs.size}\n`)
        else remove()
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'the file cannot be written')
      }
    })
    tap.lifecycle.stop(remove)
  },
})
