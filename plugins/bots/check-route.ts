import { apiRoutes, Type, type WebRoutes } from '@mezite/core'
import { botNotFound } from './bot-resource.ts'
import type { StoredBots } from './bots.ts'
import type { createProofCheck } from './proof-check.ts'
import { LONGEST_TOKEN } from './proofs.ts'

const Text = Type.Nullable(Type.String())

const Checked = Type.Object({
  kind: Type.String({ description: 'id_token, assertion, access_token, secret or unknown' }),
  ...{ issuer: Text, subject: Text, audience: Type.Array(Type.String()) },
  ...{ algorithm: Text, key_id: Text, type: Text, issued: Text, expires: Text },
  claims: Type.Array(Type.Object({ name: Type.String(), value: Type.String() }), {
    description: 'As the token has them; nobody has verified them unless a bot accepts the token',
  }),
  session: Type.Nullable(
    Type.Object(
      { user: Type.String(), program: Text, apps: Type.Array(Type.String()), expires: Type.String() },
      { description: 'Of an access token that counts now' },
    ),
  ),
  bots: Type.Array(
    Type.Object({
      bot: Type.String(),
      accepted: Type.Boolean(),
      reason: Text,
      detail: Text,
      next: Text,
      allow_from: Type.Array(Type.String()),
      rules: Type.Array(
        Type.Object({
          rule: Type.Integer({ description: 'Its place in `trust`, from 1' }),
          fits: Type.Boolean(),
          mismatches: Type.Array(Type.String()),
        }),
      ),
    }),
    { description: 'The bot of the request; without one, those that trust the issuer, at most 50' },
  ),
})

/** `POST /v1/webapi/programs/check`. The token is in the body, since addresses are logged. */
export const checkRoutes = (
  bots: Pick<StoredBots, 'items'>,
  check: ReturnType<typeof createProofCheck>,
): WebRoutes =>
  apiRoutes('programs', (on) => {
    const route = {
      access: 'bot.read',
      summary: 'What a token of a program says, and which rule of trust it fits. Does not use it up',
      body: Type.Closed({
        token: Type.String({ minLength: 1, maxLength: LONGEST_TOKEN }),
        bot: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
      }),
      returns: Checked,
    } as const
    on('POST /check', route, async (_, { body: { token, bot: name } }) => {
      if (name === undefined) return check(token)
      const bot = bots.items.get(name)
      if (bot === undefined) throw botNotFound(name)
      return check(token, bot)
    })
  })
