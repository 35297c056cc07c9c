import type { Sessions } from '../api/sessions.ts'
import { type RunningActivity, useHere } from '../gate/sessions/activity.ts'
import type { Registry } from '../state/hubs/live-hubs.ts'

/** In place of `several-hubs.ts` with an embedded database: there is only one hub, and nothing is written. */
export const loneHub = {
  createRegistry({ instanceId: id, version }: { instanceId: string; version: string }): Registry {
    const since = new Date()
    const listeners: (() => void)[] = []
    let applied = -1
    let address: string | null = null
    const reachable = () => new Map(address === null ? [] : [[id, address]])
    return {
      list: async () => [{ id, version, since, applied, address }],
      get reachable() {
        return reachable()
      },
      olderHubs: false,
      clockAheadMs: 0,
      onChanged: (listener) => void listeners.push(listener),
      relays: false,
      hubsOf: reachable,
      async announce(at) {
        address = at
        for (const listener of listeners) listener()
      },
      async report({ n }) {
        applied = n
      },
      async start() {},
      async stop() {},
    }
  },
  createPeers: () => undefined,
  createActivity({ sessions }: { sessions: { live: Pick<Sessions['live'], 'countBy'> } }): RunningActivity {
    return { of: async () => useHere(sessions.live), start() {}, async stop() {} }
  },
}
