import type { FastifyInstance, FastifyReply } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { GivenRights } from '../../api/audit.ts'
import { pagePolicy } from '../../api/page-policy.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Subject } from '../../api/subject.ts'
import { parseStrictJson } from './strict-json.ts'

const FORM_BYTES = 64 * 1024

/** Decorators that all routes of the hub's own host share; `core/api/web-routes.ts` declares them. */
export const sharedDecorators = fastifyPlugin(
  async (app: FastifyInstance) => {
    app.decorateRequest('subject', null as unknown as Subject)
    app.decorateRequest('clientIp', '')
    app.decorateRequest('identifyAgain', async () => null)
    app.decorateRequest('authorizeAgain', null)
    app.decorateRequest('attemptSucceeded', null)
    app.decorateRequest('allowedBy', null)
    app.decorateRequest('withinChange', null)
    app.decorateRequest('mayGive', null)
    app.decorateRequest('mayRow', null)
    app.decorateRequest('requireRow', () => {})
    app.decorateRequest('actor', {
      getter() {
        const { subject, clientIp, id, authorizeAgain, allowedBy, mayGive, withinChange } = this
        // The rights count that the caller has at the time of the change.
        let latest = subject
        return {
          ...{ subject, clientIp, id },
          stillMay: async () => {
            latest = (await authorizeAgain?.()) ?? latest
          },
          ...(allowedBy && { allowedBy }),
          ...(withinChange && { within: withinChange }),
          ...(mayGive && { mayGive: (given: GivenRights) => mayGive(latest, given) }),
        }
      },
    })
    app.decorateReply('page', function (this: FastifyReply, html: string, { formTargets = [] } = {}) {
      if (formTargets.length > 0) this.header('content-security-policy', pagePolicy({ formTargets }))
      return this.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(html)
    })
    parseBodies(app)
  },
  { name: 'mezite-shared' },
)

/** Parses only JSON and plain forms, both strictly; other types get 415. */
function parseBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    /^application\/json(; ?charset="?utf-8"?)?$/i,
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => parseStrictJson(body),
  )
  app.addContentTypeParser(
    /^application\/x-www-form-urlencoded(; ?charset="?utf-8"?)?$/i,
    { parseAs: 'buffer', bodyLimit: FORM_BYTES },
    async (_request: unknown, body: Buffer) => {
      const fields: Record<string, string> = Object.create(null)
      for (const [name, value] of new URLSearchParams(body.toString('utf8'))) {
        if (name in fields) throw problemFor('bad_form', `The field "${name.slice(0, 64)}" is duplicated.`)
        fields[name] = value
      }
      return fields
    },
  )
}
