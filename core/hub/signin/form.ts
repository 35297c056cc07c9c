import type { FastifyInstance } from 'fastify'

const MAX_FORM = 16_384

/** Lets a scope read form posts, unless its host does already. */
export function takeForms(app: FastifyInstance): void {
  const type = 'application/x-www-form-urlencoded'
  if (app.hasContentTypeParser(type)) return
  app.addContentTypeParser(type, { parseAs: 'string', bodyLimit: MAX_FORM }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })
}

/** One field of a form or query: a string, or undefined when it is missing or there twice. */
export function fieldOf(fields: unknown, name: string): string | undefined {
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, name)) return undefined
  const value = (fields as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : undefined
}
