import type { dashboardParts, Sessions, SlotRef } from '@mezite/core'
import type { BotSpec } from './bot-resource.ts'
import type { StoredBots } from './bots.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

/** The page "Bots" of the administration: accounts of programs, how each proves itself, its sessions now, and its removal. */
export function botsPage(bots: Pick<StoredBots, 'items'>, sessions: Pick<Sessions, 'list'>): Part {
  return {
    kind: 'page',
    right: 'bot.list',
    path: 'bots',
    title: 'Bots',
    texts: { de: german },
    async content() {
      const open = new Map<string, number>()
      for (const { user } of sessions.list()) open.set(user, (open.get(user) ?? 0) + 1)
      const all = [...bots.items.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
      return [
        {
          kind: 'table',
          title: 'Bots',
          columns: [
            'Bot',
            'Roles',
            'Acts for',
            'Keys',
            'Rules of trust',
            'From',
            'API',
            'Longest token',
            'Secret since',
            'Secret last used',
            'Old secret until',
            'Sessions now',
            'Action',
          ],
          rows: all.map(({ name, user, secret, oldSecret, agent, document: { spec } }) => [
            name,
            spec.roles.join(', '),
            agent === null ? null : agent.holder === null ? { word: 'waits for consent' } : agent.person,
            spec.keys?.length ?? 0,
            spec.trust?.length ?? 0,
            spec.allow_from?.join(', ') ?? { word: 'any address' },
            { word: spec.api ? 'as its roles allow' : 'about itself' },
            spec.max_token_ttl ?? '1h',
            secret === null ? null : { time: secret.created },
            secret?.used == null ? null : { time: secret.used },
            oldSecret === null ? null : { time: oldSecret.until },
            sessionsOf(user, open.get(user) ?? 0),
            removalOf(name),
          ]),
          empty: 'No bots. `mezctl bots create NAME --roles ROLE` makes one.',
          layout: {
            rest: 1,
            hidden: [3, 4, 6, 7, 8, 10],
            phone: { first: 0, firstEnd: 11, second: 1, secondEnd: 12 },
          },
        },
        ...proofTables(all.map(({ name, document: { spec } }) => [name, spec])),
        {
          kind: 'text',
          text: 'A lock of the user bot:NAME cuts a bot at once. mezctl bots update changes its roles, limits and proofs.',
        },
      ]
    },
  }
}

const sessionsOf = (user: string, count: number) =>
  count === 0 ? 0 : { text: String(count), href: `/web/admin/sessions?q=${encodeURIComponent(user)}` }

const removalOf = (name: string) => ({
  kind: 'form' as const,
  title: `Remove the bot ${name}?`,
  effect: 'Its sessions end, and its programs are refused at once.',
  confirm: name,
  method: 'DELETE' as const,
  path: `/v1/webapi/bots/${name}`,
  fields: [],
  submit: 'Remove',
  destructive: true,
})

/** What the issuers and keys are; none of them is a secret. */
function proofTables(all: readonly (readonly [name: string, spec: BotSpec])[]) {
  const rules = all.flatMap(([name, { trust = [] }]) =>
    trust.map(({ issuer, audience, claims }) => [
      ...[name, issuer, audience],
      Object.entries(claims)
        .map(([claim, value]) => `${claim}=${value}`)
        .join(', '),
    ]),
  )
  const keys = all.flatMap(([name, { keys = [] }]) =>
    keys.map(({ kid, jwk }) => [name, kid, String(jwk.crv ?? jwk.kty)]),
  )
  const tables = [
    { title: 'Rules of trust', columns: ['Bot', 'Issuer', 'Audience', 'Claims'], rows: rules },
    { title: 'Keys', columns: ['Bot', 'Key ID', 'Type'], rows: keys },
  ]
  return tables.flatMap((table) =>
    table.rows.length === 0 ? [] : [{ kind: 'table' as const, ...table, empty: '' }],
  )
}

const german = {
  Roles: 'Rollen',
  'Acts for': 'Handelt für',
  'waits for consent': 'wartet auf Zustimmung',
  From: 'Von',
  'Longest token': 'Längstes Token',
  'Secret since': 'Geheimnis seit',
  'Secret last used': 'Geheimnis zuletzt benutzt',
  'Old secret until': 'Altes Geheimnis bis',
  'Sessions now': 'Sitzungen jetzt',
  Action: 'Aktion',
  'any address': 'jeder Adresse',
  'as its roles allow': 'wie seine Rollen erlauben',
  'about itself': 'über sich selbst',
  'No bots. `mezctl bots create NAME --roles ROLE` makes one.':
    'Keine Bots. `mezctl bots create NAME --roles ROLLE` legt einen an.',
  'A lock of the user bot:NAME cuts a bot at once. mezctl bots update changes its roles, limits and proofs.':
    'Eine Sperre der Person bot:NAME trennt einen Bot sofort. mezctl bots update ändert seine Rollen, Grenzen und Nachweise.',
  'Remove the bot {}?': 'Den Bot {} entfernen?',
  'Its sessions end, and its programs are refused at once.':
    'Seine Sitzungen enden, und seine Programme werden sofort abgewiesen.',
  Remove: 'Entfernen',
  'Rules of trust': 'Regeln des Vertrauens',
  Issuer: 'Aussteller',
  Audience: 'Empfänger',
  Keys: 'Schlüssel',
  'Key ID': 'Kennung',
  Type: 'Art',
}
