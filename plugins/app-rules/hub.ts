import {
  catalog,
  dashboardParts,
  defineHubPlugin,
  operationReaders,
  requirements,
  revisions,
  roleRules,
  Type,
} from '@mezite/core'
import { findings, recordedRequests } from '@mezite/core/administration'
import { confirmations } from '@mezite/core/identity'
import type { Requirement, RoleReader } from '@mezite/core/types'
import { createCountries } from './countries.ts'
import { createReader } from './operations/reader.ts'
import { createCountryRule, createNetworkRule } from './origins.ts'
import { reasons } from './reasons.ts'
import { previewRequests } from './request-preview.ts'
import { ruleFaults } from './request-rule.ts'
import { createRuleSet, type RuleSet } from './rule-set.ts'
import { rulesPanel } from './rules-panel.ts'
import { OPERATION, RULE } from './verdict.ts'

/** How much the clocks of two hubs may differ. */
const CLOCK_SKEW_MS = 5_000

/** A passkey that was confirmed a short time ago. */
interface RecentConfirmation extends Requirement {
  readonly name: 'recent-confirmation'
  readonly maxAgeMs: number
}

const Texts = (description: string, most: number, examples: readonly string[] = []) =>
  Type.Array(
    Type.String({ minLength: 1, maxLength: 1_024, ...(examples.length > 0 && { examples: [...examples] }) }),
    { minItems: 1, maxItems: most, description },
  )
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '*']

/** `app_rules` of roles: methods, paths and queries that are allowed or denied, and a fresh passkey for the dangerous ones. */
export default defineHubPlugin({
  name: 'app-rules',
  api: 1,
  summary: 'Decides requests inside apps by rules of roles',
  config: Type.Closed({
    country_database: Type.Optional(
      Type.String({
        pattern: '^/.',
        description:
          'absolute path of a database of countries in the format of MaxMind (.mmdb), for `allow.countries` of roles',
      }),
    ),
    body_bytes: Type.Count({
      default: 1024 * 1024,
      max: 16 * 1024 * 1024,
      description:
        'Bytes of the body of a request that rules with `operations` decide; a longer one is denied',
    }),
  }),
  needs: { catalog, revisions },
  wants: { confirmations, recordedRequests },
  provides: { dashboardParts, findings, operationReaders, requirements, roleRules },
  reasons,
  setup({ config, use, tap, provide, log }) {
    let reader: RoleReader | undefined
    let rules: RuleSet | undefined
    const countries =
      config.country_database === undefined ? null : createCountries(config.country_database, log)
    if (countries !== null) {
      tap.lifecycle.start(() => countries.start())
      tap.lifecycle.stop(() => countries.stop())
    }
    const ofCountries = createCountryRule((address) => countries?.of(address) ?? null)
    const origins = [createNetworkRule(), ofCountries]
    for (const { rule } of origins) provide.roleRules(rule)
    provide.roleRules({
      name: RULE,
      description:
        'Requests that the role allows inside its apps, or denies. Without rules under allow: all of them',
      under: ['allow', 'deny'],
      list: true,
      members: {
        name: Type.Optional(
          Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'For records and explanations' }),
        ),
        methods: Texts('GET, HEAD, …; "*": all', 32, METHODS),
        paths: Texts('/api/**: any number of segments; /users/*/keys: one segment, or a part of it', 100),
        upgrade: Type.Optional(
          Type.Literal('websocket', {
            description:
              'Only openings of WebSockets, whose method is GET. Without it, GET allows none of them',
          }),
        ),
        query: Type.Optional(
          Type.Closed(
            {
              has: Type.Optional(Texts('Names that the query must have', 32)),
              equals: Type.Optional(
                Type.Map(Type.String({ maxLength: 1_024 }), { description: 'Values by name' }),
              ),
            },
            { description: 'Conditions on the query; all must hold' },
          ),
        ),
        operations: Type.Optional(
          Type.Closed(
            {
              mcp: Type.Optional(Texts('tools/list; tools/call:search_*: calls of some tools', 100)),
              jsonrpc: Type.Optional(Texts('Methods: ledger.read, ledger.*', 100)),
              grpc: Type.Optional(Texts('pkg.Service/Method, pkg.Service/*', 100)),
              graphql: Type.Optional(Texts('query; mutation:createIssue: some fields at the root', 100)),
              record: Type.Optional(
                Texts('Arguments whose values records contain; without it, records have none', 32),
              ),
            },
            { description: 'What the request asks the app to do, by one protocol: the hub reads it first' },
          ),
        ),
        require: Type.Optional(
          Type.Closed(
            {
              confirm_within: Type.Optional(
                Type.String({ description: 'How fresh a confirmation with a passkey must be: 5m' }),
              ),
              signature: Type.Optional(
                Type.Literal(true, {
                  description: 'The person signs each such request with a passkey before the app gets it',
                }),
              ),
              signer: Type.Optional(
                Type.Literal('other', { description: 'Another person signs, who may send the request too' }),
              ),
            },
            { description: 'What is needed besides' },
          ),
        ),
      },
      faults: ruleFaults,
      preview: async (change) => {
        const { recordedRequests: recorded, catalog } = use
        return recorded === undefined ? null : previewRequests(change, { recorded, catalog })
      },
      attach(roles) {
        reader = roles
        rules = createRuleSet(roles, { revision: () => use.revisions.revision, origins })
      },
    })
    provide.requirements({
      name: 'recent-confirmation',
      reason: 'confirmation_required',
      title: 'Confirm with your passkey',
      detail: 'This needs a fresh confirmation with a passkey, which is not possible here.',
      mfa: true,
      accepts: ['session-mfa'],
      strictest: (a: RecentConfirmation, b: RecentConfirmation) => (a.maxAgeMs <= b.maxAgeMs ? a : b),
      isMetBy: ({ maxAgeMs }: RecentConfirmation, entry, { appId, now }) => {
        const age = now - entry.at
        const isForThis = entry.appId === null || entry.appId === appId
        return entry.name === 'session-mfa' && isForThis && age <= maxAgeMs && age >= -CLOCK_SKEW_MS
      },
    })
    provide.operationReaders(createReader(config.body_bytes))
    // The hub reads the request, and asks again: nothing that a person can do meets it.
    provide.requirements({
      name: OPERATION,
      reason: 'operation_unreadable',
      title: 'This request cannot be read',
      detail: 'A rule decides by what this request asks for, and that cannot be read here.',
      isMetBy: () => false,
    })
    provide.dashboardParts(
      rulesPanel({
        ruled: () => reader?.ruled(RULE) ?? [],
        reaches: (role, app) => reader?.reach([role], app).allowed ?? false,
        recorded: use.recordedRequests,
      }),
    )
    provide.findings({
      name: 'app-rules',
      list: () => [...withoutApps(), ...withoutCountries()],
    })
    function withoutApps() {
      const allowing = (reader?.ruled(RULE) ?? []).filter(({ under }) => under === 'allow')
      return [...new Set(allowing.map(({ role }) => role))]
        .filter((role) => !use.catalog.list().some((app) => reader?.reach([role], app).allowed))
        .map((role) => ({
          subject: `role ${role}`,
          message: `its ${RULE} count for no app, since it allows none`,
        }))
    }
    function withoutCountries() {
      if (countries?.fault != null)
        return [{ subject: 'country database', message: `cannot read the newest file: ${countries.fault}` }]
      if (countries !== null) return []
      return [...ofCountries.all().keys()].map((role) => ({
        subject: `role ${role}`,
        message:
          'it allows nothing, since it has countries and plugins.app-rules.country_database is not set',
      }))
    }
    tap.access.decide((query, vote) => rules?.vote(query, vote), { pure: true })
    tap.access.challenge(({ requirement, state }) =>
      requirement.name === 'recent-confirmation' && use.confirmations !== undefined
        ? { location: use.confirmations.pathTo(`/web/continue?state=${encodeURIComponent(state)}`) }
        : null,
    )
  },
})
