import { defineHubPlugin, messageOf, notifiers, Type } from '@mezite/core'

const POST_MS = 5_000

/**
 * Posts JSON to a webhook: notifications for operators, and an alert when the hub is ready and when an agent connects or
 * disconnects. The hub repeats a notification that failed; an alert that failed is in the log.
 */
export default defineHubPlugin({
  name: 'agent-alerts',
  api: 1,
  summary: 'Reports notifications and lost agents to a webhook',
  config: Type.Closed({ url: Type.String({ pattern: '^https?://' }) }),
  provides: { notifiers },
  setup({ config, clock, log, provide, tap }) {
    async function post(body: object, signal: AbortSignal, key: string | null = null): Promise<void> {
      const headers = {
        'content-type': 'application/json',
        ...(key !== null && { 'idempotency-key': key }),
      }
      const options = { method: 'POST', headers, body: JSON.stringify(body), signal }
      const response = await fetch(config.url, { ...options, redirect: 'error' })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`status ${response.status}`)
    }

    provide.notifiers({
      name: 'agent-alerts',
      // One for a person would have `user`.
      takes: ({ user }) => user === undefined,
      // The hub repeats a delivery that failed: the receiver can drop an id that it has.
      deliver: ({ id, severity, title, text, url }, signal) =>
        post({ event: 'notification', severity, title, text, url }, signal, id),
    })

    const pending = new Set<Promise<void>>()
    const alert = (event: object) => {
      const time = new Date(clock.now()).toISOString()
      const posted: Promise<void> = post({ time, ...event }, AbortSignal.timeout(POST_MS))
        .catch((error) => log.warn({ error: messageOf(error) }, 'the webhook did not accept an alert'))
        .finally(() => pending.delete(posted))
      pending.add(posted)
    }
    tap.lifecycle.ready(() => alert({ event: 'hub_ready' }))
    tap.tunnel.changed(({ hostname, connected, reason }) =>
      alert({ event: connected ? 'agent_connected' : 'agent_lost', agent: hostname, reason }),
    )
    tap.lifecycle.drain(async () => void (await Promise.all(pending)))
  },
})
