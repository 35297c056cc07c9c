import { type AdminRights, nearMiss, type Subject, type Users } from '@mezite/core'
import type { Explanations } from '@mezite/core/administration'
import type { AdminRight, RowLabels } from '@mezite/core/types'
import { unknownKind, unknownVerb, verbsByKind } from './known-rights.ts'
import { problemFor } from './reasons.ts'

/** The words of a question about a right of administration. */
export interface Question {
  readonly user: string
  readonly verb: string
  readonly kind: string
  readonly name?: string
}

const TOKEN = 'token:'
/** Of the words that stand near a word, only those are compared that are about as long, because a company has many names. */
const NEAR = 3

/** Reads such questions. A caller learns no name from the answer that the caller may not read. */
export function questionReader(parts: {
  readonly adminRights: Pick<AdminRights, 'declared' | 'may' | 'rowsOf'>
  readonly explanations: Pick<Explanations, 'groups'>
  readonly users: Pick<Users, 'list'>
}) {
  const { adminRights, explanations, users } = parts
  const mayRead = (caller: Subject, kind: string, labels?: RowLabels) =>
    (['read', 'list'] as const).some((verb) => adminRights.may(caller, `${kind}.${verb}`, labels))

  return {
    /** The account, and others that have the same roles. Throws `Problem` 404 about an unknown one, and about an API token. */
    async accountOf(caller: Subject, user: string) {
      if (user.startsWith(TOKEN))
        throw problemFor(
          'user_not_found',
          'An API token is no account: it has the roles that it names, as far as the person who made it has them now, so explain that person. `mezctl api-tokens ls` shows both.',
        )
      const [group] = await explanations.groups(user)
      const account = group?.accounts[0]
      if (group && account) return { group, account }
      const near = mayRead(caller, 'user')
        ? users.list().flatMap(({ name }) => (Math.abs(name.length - user.length) <= NEAR ? [name] : []))
        : []
      const meant = nearMiss(user, near)
      const hint = meant === null ? '`mezctl users ls` lists them.' : `Did you mean ${meant}?`
      throw problemFor('user_not_found', `There is no user ${user}. ${hint}`)
    },

    /** The right. Throws `Problem` 400 unless something on this hub needs it. */
    rightOf({ verb, kind }: Pick<Question, 'verb' | 'kind'>): AdminRight {
      const declared = [...adminRights.declared()]
      const right = declared.find((one) => one === `${kind}.${verb}`)
      if (right !== undefined) return right
      const verbs = verbsByKind(declared)
      const known = verbs.get(kind)
      if (known === undefined)
        throw problemFor('invalid_request', unknownKind(kind, [...verbs.keys()].sort()))
      const meant = nearMiss(verb, known)
      throw problemFor(
        'invalid_request',
        meant === null
          ? unknownVerb(kind, known)
          : `no right over ${kind} is called ${verb}; did you mean ${meant}?`,
      )
    },

    /**
     * The labels of what is named; undefined: nothing is. Throws `Problem` 404 about a thing that does not exist, or that the caller may
     * not read, and 400 about a kind whose things a name does not tell apart.
     */
    labelsOf(caller: Subject, { kind, name }: Pick<Question, 'kind' | 'name'>): RowLabels | undefined {
      if (name === undefined) return undefined
      const rows = adminRights.rowsOf(kind)
      if (rows === undefined)
        throw problemFor(
          'invalid_request',
          `Rights over things of the kind ${kind} are for all of them or none. Leave the name out.`,
        )
      if (rows === 'asks')
        throw problemFor(
          'invalid_request',
          `A thing of the kind ${kind} cannot be looked up by a name. Leave the name out: the answer says by which labels the right is limited.`,
        )
      const labels = rows.labelsOf(name)
      if (labels === undefined || !mayRead(caller, kind, labels)) throw rows.missing(name)
      return labels
    },
  }
}
