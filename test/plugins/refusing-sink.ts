import { auditSinks, defineHubPlugin } from '@mezite/core'
import { eventsIn } from '../event-lines.ts'

/** A plugin whose audit sink takes everything but what it is told to refuse, and thereby undoes changes. */
export function refusingSink() {
  let refused: string | null = null
  const plugin = defineHubPlugin({
    name: 'refusing-sink',
    api: 1,
    summary: 'Refuses events of one type',
    provides: { auditSinks },
    setup({ provide }) {
      provide.auditSinks({
        name: 'refusing-sink',
        guarantee: 'best-effort',
        async write() {},
        async writeIn(_trx, lines) {
          if (eventsIn(lines).some(({ type }) => type === refused)) throw new Error(`no ${refused} here`)
        },
        async flush() {},
      })
    },
  })
  return {
    plugin,
    /** From now on events of this type fail; null: none does. */
    refuse(type: string | null) {
      refused = type
    },
  }
}
