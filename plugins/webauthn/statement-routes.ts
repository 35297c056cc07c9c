import type { WebRoutes } from '@mezite/core'
import type { PasskeySignature } from '@mezite/core/types'
import type { Binding } from './ceremonies.ts'
import {
  askOneOf,
  personalCall,
  personalPage,
  personOf,
  proof,
  requireOwnPage,
  sentHome,
  takeOwnAssertion,
  text,
} from './challenge.ts'
import type { Deps, Request } from './deps.ts'
import type { KeyRow } from './migrations.ts'
import { problemFor } from './reasons.ts'
import { statementCard } from './statement-page.ts'

const named = { name: text, id: text }

/** `/web/sign/NAME/ID`: the page on which a person signs a statement of another plugin with a passkey. */
export function statementRoutes(deps: Deps): WebRoutes {
  const { keys, pages, statements, firstKey } = deps

  /** The entry, and the statement that this person may sign. Throws `Problem` otherwise. */
  async function bind(request: Request, given: { readonly name: string; readonly id: string }) {
    const { session, user } = await personOf(deps, request)
    const entry = statements.find(({ name }) => name === given.name)
    const language = deps.languageOf(request)
    const statement = (await entry?.find(given.id, session, language)) ?? null
    if (entry === undefined || statement === null) throw problemFor('statement_unknown')
    const binding: Binding = {
      purpose: 'sign',
      session: session.id,
      user: user.key,
      link: `${given.name} ${given.id}`,
    }
    return { session, user, entry, statement, binding }
  }

  return {
    name: 'webauthn-statements',
    prefix: '/web/sign',
    async routes(web) {
      web.get<{ Params: { name: string; id: string } }>(
        '/:name/:id',
        personalPage,
        async (request, reply) => {
          if (sentHome(deps, request, reply)) return reply
          const { name, id } = request.params
          const { user, statement } = await bind(request, { name, id })
          const hasKey = (await keys.of(user)).length > 0
          const addUrl = firstKey === 'admin' ? null : '/web/account'
          const shown = { user: user.name, name, id, hasKey, addUrl, statement }
          const { page, words } = pages(request)
          return reply.page(page(statement.title, statementCard(words, shown), user.name))
        },
      )

      personalCall(web, '/begin', named, async (request) => {
        const { user, binding, statement } = await bind(request, request.body)
        return askOneOf(deps, binding, await keys.of(user), statement.challenge)
      })

      personalCall(web, '/finish', { ...named, ...proof }, async (request) => {
        requireOwnPage(deps, request)
        const { session, user, entry, binding } = await bind(request, request.body)
        const { key } = await takeOwnAssertion(deps, request, { binding, session, user })
        const signature = await signatureOf(key, request.body.response)
        return { location: await entry.accept(request.body.id, session, signature) }
      })

      personalCall(web, '/decline', named, async (request) => {
        requireOwnPage(deps, request)
        const { session, entry } = await bind(request, request.body)
        return { location: await entry.decline(request.body.id, session) }
      })
    },
  }
}

/** What was verified, for others to verify it again. */
async function signatureOf(key: KeyRow, given: unknown): Promise<PasskeySignature> {
  const { response } = given as {
    readonly response: Readonly<Record<'authenticatorData' | 'clientDataJSON' | 'signature', string>>
  }
  const { authenticatorData, clientDataJSON, signature } = response
  return {
    credentialId: key.id,
    publicKey: await jwkOf(key.public_key),
    ...{ authenticatorData, clientDataJSON, signature },
  }
}

/** A public key in COSE (RFC 9053) of `ALGORITHMS` as a JWK. */
async function jwkOf(bytes: Uint8Array): Promise<PasskeySignature['publicKey']> {
  const { isoCBOR } = await import('@simplewebauthn/server/helpers')
  const map = isoCBOR.decodeFirst<Map<number, number | Uint8Array>>(new Uint8Array(bytes))
  const part = (label: number) => Buffer.from(map.get(label) as Uint8Array).toString('base64url')
  switch (map.get(1)) {
    case 1:
      return { kty: 'OKP', crv: 'Ed25519', x: part(-2), alg: 'EdDSA' }
    case 2:
      return { kty: 'EC', crv: 'P-256', x: part(-2), y: part(-3), alg: 'ES256' }
    default:
      return { kty: 'RSA', n: part(-1), e: part(-2), alg: 'RS256' }
  }
}
