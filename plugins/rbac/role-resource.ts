import {
  ADMIN_VERBS,
  type AdminRule,
  parseDuration,
  parseResource,
  type Resource,
  ROLE_NAME,
  resourceInvalid,
  type roleRules,
  type SlotRef,
  Type,
} from '@mezite/core'
import { compileLabels } from './label-matcher.ts'
import { problemFor } from './reasons.ts'

export type RoleRule = typeof roleRules extends SlotRef<infer R> ? R : never
export type Side = 'allow' | 'deny'
export const SIDES: readonly Side[] = ['allow', 'deny']

const isUnder = ({ under = ['allow'] }: RoleRule, side: Side) => under.includes(side)

/** Roles that exist without a document. */
export const BUILT_IN_ROLES: readonly string[] = ['admin', 'access']

/** Throws `Problem` 400 `role_reserved`. */
export function refuseBuiltIn(name: string): void {
  if (BUILT_IN_ROLES.includes(name))
    throw problemFor('role_reserved', `The role ${name} is built in and cannot be changed.`)
}

const DURATION = { pattern: '^(0|[0-9]{1,9}(ms|s|m|h|d))$', must: 'a duration such as 30s, 15m or 12h' }
const Duration = (value: string | 0, description: string) =>
  Type.Optional(
    Type.Unsafe<string | 0>({
      ...DURATION,
      type: ['string', 'integer'],
      maximum: 0,
      minimum: 0,
      description: `${description}. Default: ${value}`,
      examples: ['8h'],
    }),
  )

export type LabelValue = string | readonly string[]
export type AppLabels = Readonly<Record<string, LabelValue>>

const Labels = (effect: string) =>
  Type.Optional(
    Type.Map(
      Type.Unsafe<LabelValue>({
        type: ['string', 'array'],
        maxLength: 1_024,
        items: { type: 'string', maxLength: 1_024 },
        maxItems: 100,
      }),
      {
        description: `Labels of the apps that the role ${effect}; all of them must match. A value is exact, a list (any of), "*" or a regular expression ^…$`,
        examples: [{ env: ['prod', 'staging'], team: 'platform' }],
      },
    ),
  )

/** An entry of `allow.admin` and `deny.admin` as in documents. */
interface AdminEntry {
  readonly kinds: readonly string[]
  readonly verbs: AdminRule['verbs']
  readonly where?: { readonly labels: AppLabels }
}
const AdminEntries = (effect: string) =>
  Type.Optional(
    Type.Array(
      Type.Closed({
        kinds: Type.Array(
          Type.String({ pattern: '^([a-z][a-z0-9_-]{0,62}|\\*)$', must: 'a kind such as app, or *' }),
          {
            minItems: 1,
            maxItems: 100,
            description: 'Kinds of things, as in the rights of the page look-up/api, such as app; * is all',
          },
        ),
        verbs: Type.Array(Type.OneOf([...ADMIN_VERBS, '*']), {
          minItems: 1,
          maxItems: ADMIN_VERBS.length + 1,
          description: 'What may be done with them; * is everything',
        }),
        where: Type.Optional(
          Type.Closed(
            {
              labels: Type.Map(
                Type.Unsafe<LabelValue>({
                  type: ['string', 'array'],
                  minLength: 1,
                  maxLength: 256,
                  items: { type: 'string', minLength: 1, maxLength: 256 },
                  minItems: 1,
                  maxItems: 100,
                }),
                {
                  minProperties: 1,
                  description:
                    'All of these labels, exactly, or one of a list; {{user.name}} is the caller, {{user.roles}} each role of the caller',
                  examples: [{ owner: '{{user.name}}' }],
                },
              ),
            },
            { description: 'Only things with these labels. Default: all' },
          ),
        ),
      }),
      { description: `Rights of administration that the role ${effect}`, minItems: 1, maxItems: 100 },
    ),
  )
const Condition = (under: Side, effect: string, description: string, rules: readonly RoleRule[]) =>
  Type.Optional(
    Type.Closed(
      {
        app_labels: Labels(effect),
        admin: AdminEntries(effect),
        ...Object.fromEntries(
          rules.filter((rule) => isUnder(rule, under)).map((rule) => [rule.name, ruleSchema(rule)]),
        ),
      },
      { description },
    ),
  )
const MOST_ENTRIES = 200
function ruleSchema({ name, description, members, list }: RoleRule) {
  const entry = { ...members, app_labels: Labels(`names in ${name}`) }
  if (list !== true) return Type.Optional(Type.Closed(entry, { description }))
  return Type.Optional(Type.Array(Type.Closed(entry), { description, minItems: 1, maxItems: MOST_ENTRIES }))
}

const DURATIONS = [
  ...(['max_session_ttl', 'idle_timeout', 'mfa_freshness', 'confirm_changes'] as const),
  'admin_idle_timeout' as const,
]

/** `spec` of `kind: role`, with the rules that plugins add. */
export const roleSpec = (rules: readonly RoleRule[] = []) =>
  Type.Closed({
    options: Type.Optional(
      Type.Closed(
        {
          max_session_ttl: Duration(
            '12h',
            'Longest sign-in of users with this role; the shortest among their roles wins',
          ),
          idle_timeout: Duration(0, 'A session ends after this time without a request; 0: never'),
          require_session_mfa: Type.Optional(
            Type.Unsafe<boolean | 'webauthn' | 'hardware_key' | 'off'>({
              enum: [true, false, 'webauthn', 'hardware_key', 'off'],
              description:
                'Apps that this role allows need a confirmation with a passkey for each app session. hardware_key: with one that is not synced. Default: false',
            }),
          ),
          require_device_trust: Type.Optional(
            Type.Boolean({
              description: 'Apps that this role allows need a trusted device. Default: false',
            }),
          ),
          confirm_changes: Duration(
            0,
            'Each change of administration needs a confirmation with a passkey that is not older; 0: none is needed',
          ),
          admin_idle_timeout: Duration(
            0,
            'A sign-in to the dashboard or a command line ends after this time without a request, also of an app that was opened from it; 0: never',
          ),
          mfa_freshness: Duration(
            0,
            'How long a confirmation is also valid for other apps; 0: each app asks',
          ),
        },
        { description: 'Conditions for users with this role' },
      ),
    ),
    allow: Condition('allow', 'allows', 'Apps that the role allows', rules),
    deny: Condition('deny', 'denies', 'Apps that the role denies, whatever other roles allow', rules),
  })

export interface RoleSpec {
  readonly options?: {
    readonly max_session_ttl?: string | 0
    readonly idle_timeout?: string | 0
    readonly require_session_mfa?: boolean | 'webauthn' | 'hardware_key' | 'off'
    readonly require_device_trust?: boolean
    readonly mfa_freshness?: string | 0
    readonly confirm_changes?: string | 0
    readonly admin_idle_timeout?: string | 0
  }
  readonly allow?: RoleSide
  readonly deny?: RoleSide
}

interface RoleSide {
  readonly app_labels?: AppLabels
  readonly admin?: readonly AdminEntry[]
  readonly [rule: string]: unknown
}

/** What a role says in a rule of a plugin. */
export type RuleValue = Readonly<Record<string, unknown>> & { readonly app_labels?: AppLabels }

export type RoleDocument = Resource<RoleSpec>

/** What a label in `where` can say about the caller. */
const TEMPLATES: readonly string[] = ['{{user.name}}', '{{user.roles}}']

/** Reads a role document. Throws `Problem` 400 `resource_invalid` with all faults. */
export function readRole(
  body: unknown,
  { rules = [], ...options }: { readonly name?: string; readonly rules?: readonly RoleRule[] } = {},
): RoleDocument {
  const document = parseResource('role', roleSpec(rules), body, {
    ...options,
    namePattern: ROLE_NAME,
  }) as RoleDocument
  const { metadata, spec } = document
  refuseBuiltIn(metadata.name)
  const problems: { path: string[]; message: string }[] = []
  if (metadata.expires !== undefined)
    problems.push({ path: ['metadata', 'expires'], message: 'a role does not expire; delete it' })
  for (const key of DURATIONS) {
    const value = spec.options?.[key]
    if (value === undefined) continue
    const ms = durationMs(value)
    const path = ['spec', 'options', key]
    if (ms === null) problems.push({ path, message: 'must be at most ten years' })
    else if (ms === 0 && key === 'max_session_ttl') problems.push({ path, message: 'must be above 0' })
  }
  for (const side of ['allow', 'deny'] as const) {
    const { faults } = compileLabels(spec[side]?.app_labels)
    for (const { key, message } of faults) problems.push({ path: ['spec', side, 'app_labels', key], message })
  }
  for (const side of SIDES)
    for (const [at, { where }] of (spec[side]?.admin ?? []).entries())
      for (const [key, value] of Object.entries(where?.labels ?? {}))
        if ([value].flat().some((one) => one.includes('{{') && !TEMPLATES.includes(one)))
          problems.push({
            path: ['spec', side, 'admin', String(at), 'where', 'labels', key],
            message: `has no other template than ${TEMPLATES.join(' and ')}, each a whole value`,
          })
  for (const rule of rules)
    for (const { under, value, path } of entriesOf(spec, rule.name)) {
      for (const { key, message } of compileLabels(value.app_labels).faults)
        problems.push({ path: [...path, 'app_labels', key], message })
      for (const fault of rule.faults?.(value, under) ?? [])
        problems.push({ path: [...path, ...fault.path], message: fault.message })
    }
  if (problems.length > 0) throw resourceInvalid(problems)
  return document
}

/** The values of a rule in a role: one for each side, or each entry of the lists. */
export function entriesOf(
  spec: RoleSpec,
  rule: string,
): readonly { readonly under: Side; readonly value: RuleValue; readonly path: readonly string[] }[] {
  return SIDES.flatMap((under) => {
    const given = spec[under]?.[rule] as RuleValue | readonly RuleValue[] | undefined
    const path = ['spec', under, rule]
    if (given === undefined) return []
    return Array.isArray(given)
      ? given.map((value: RuleValue, at) => ({ under, value, path: [...path, String(at)] }))
      : [{ under, value: given as RuleValue, path }]
  })
}

/** A duration of a role in milliseconds, or null. */
export function durationMs(value: string | 0): number | null {
  return value === 0 ? 0 : parseDuration(value)
}
