import { catalog, defineHubPlugin, jobs, notifications, Type } from '@mezite/core'

/** Tells operators of applications that are about to expire, from whichever hub of the cluster is free. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Tells of applications that are about to expire',
  config: Type.Closed({
    before: Type.Duration({
      default: '7d',
      min: '1h',
      max: '365d',
      description: 'How long before the end',
    }),
  }),
  needs: { catalog, jobs, notifications },
  setup({ config, clock, use }) {
    use.jobs.add({
      name: 'my-plugin',
      everyMs: 3_600_000,
      async run(signal) {
        const soon = use.catalog
          .list()
          .filter(({ expires }) => expires !== null && expires < clock.now() + config.before)
        for (const { name, expires } of soon) {
          signal.throwIfAborted()
          await use.notifications.send({
            kind: 'app',
            severity: 'warning',
            title: `${name} expires at ${new Date(expires ?? 0).toISOString()}`,
            // A run can be repeated: the same notification is sent once.
            key: `my-plugin ${name} ${expires}`,
          })
        }
        return `${soon.length} expire soon`
      },
    })
  },
})
