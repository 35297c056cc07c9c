import { catalog, defineHubPlugin, jobs, notifications, sessions, Type, users } from '@mezite/core'

/** Tells operators once a day how many people and applications there are, from whichever hub of the cluster is free. */
export default defineHubPlugin({
  name: 'daily-report',
  api: 1,
  summary: 'Reports the size of the cluster each day',
  config: Type.Object(
    { every: Type.Duration({ default: '1d', min: '1h', max: '30d', description: 'How often it reports' }) },
    { additionalProperties: false },
  ),
  needs: { catalog, jobs, notifications, sessions, users },
  setup({ config, clock, use }) {
    use.jobs.add({
      name: 'daily-report',
      everyMs: config.every,
      async run() {
        const day = new Date(clock.now()).toISOString().slice(0, 10)
        const off = use.catalog.list().filter(({ enabled }) => !enabled)
        const lines = [
          `${use.users.list().length} people, ${use.sessions.list().length} sessions`,
          `${use.catalog.list().length} applications`,
          ...(off.length > 0 ? [`Switched off: ${off.map(({ name }) => name).join(', ')}`] : []),
        ]
        await use.notifications.send({
          kind: 'report',
          severity: 'info',
          title: `Report of ${day}`,
          text: lines.join('\n'),
          path: '/web/admin',
          // A run that was cut off after it had sent the report starts again.
          key: `daily-report ${day}`,
        })
        return `reported for ${day}`
      },
    })
  },
})
