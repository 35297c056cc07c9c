import { defineHubPlugin, notifiers, Type } from '@mezite/core'

/** Posts notifications for operators to a URL, as text. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Posts notifications to a URL',
  config: Type.Closed({ url: Type.String({ pattern: '^https?://' }) }),
  provides: { notifiers },
  setup({ config, provide }) {
    provide.notifiers({
      name: 'my-plugin',
      // One for a person would have `user`.
      takes: ({ user }) => user === undefined,
      async deliver({ id, severity, title, text, url }, signal) {
        const body = [`[${severity}] ${title}`, text, url].filter(Boolean).join('\n')
        // The hub repeats a delivery that failed: the receiver can drop an id that it has.
        const headers = { 'content-type': 'text/plain; charset=utf-8', 'idempotency-key': id }
        const response = await fetch(config.url, { method: 'POST', headers, body, signal, redirect: 'error' })
        await response.body?.cancel()
        if (!response.ok) throw new Error(`${config.url} responded with ${response.status}`)
      },
    })
  },
})
