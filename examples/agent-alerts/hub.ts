import { defineHubPlugin, messageOf, Type } from '@mezite/core'

const POST_MS = 5_000

/** Posts JSON to a webhook when the hub is ready and when an agent connects or disconnects. */
export default defineHubPlugin({
  name: 'agent-alerts',
  api: 1,
  summary: 'Reports connected and lost agents to a webhook',
  config: Type.Object({ url: Type.String({ pattern: '^https?://' }) }, { additionalProperties: false }),
  setup({ config, clock, log, tap }) {
    const pending = new Set<Promise<void>>()
    const post = (alert: object) => {
      const body = JSON.stringify({ time: new Date(clock.now()).toISOString(), ...alert })
      const headers = { 'content-type': 'application/json' }
      const signal = AbortSignal.timeout(POST_MS)
      const posted: Promise<void> = fetch(config.url, { method: 'POST', headers, body, signal })
        .then((response) => {
          if (!response.ok) throw new Error(`status ${response.status}`)
        })
        .catch((error) => log.warn({ error: messageOf(error) }, 'the webhook did not accept an alert'))
        .finally(() => pending.delete(posted))
      pending.add(posted)
    }
    tap.lifecycle.ready(() => post({ event: 'hub_ready' }))
    tap.tunnel.changed(({ hostname, connected, reason }) =>
      post({ event: connected ? 'agent_connected' : 'agent_lost', agent: hostname, reason }),
    )
    tap.lifecycle.drain(async () => void (await Promise.all(pending)))
  },
})
