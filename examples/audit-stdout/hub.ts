import { auditSinks, defineHubPlugin } from '@mezite/core'

/** Writes each audit event to standard output as one JSON line, for a log collector. */
export default defineHubPlugin({
  name: 'audit-stdout',
  api: 1,
  summary: 'Writes audit events to standard output',
  provides: { auditSinks },
  setup({ provide }) {
    provide.auditSinks({
      name: 'audit-stdout',
      guarantee: 'best-effort',
      write: (lines) =>
        new Promise((resolve, reject) => {
          process.stdout.write(lines, (error) => (error ? reject(error) : resolve()))
        }),
      flush: async () => {},
    })
  },
})
