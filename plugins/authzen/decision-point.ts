import { type App, type Catalog, inTurns } from '@mezite/core'
import type { AccountGroup, Explanations } from '@mezite/core/administration'

type Outlook = Awaited<ReturnType<AccountGroup['decide']>>

/** What questions are about, after the names of types and actions have been read. */
export interface Question {
  readonly subjectType: string
  readonly resourceType: string
  /** `open`, or a method. Null: an action that no application has. */
  readonly action: string | null
  /** Path and query of the request, for an action that is a method. */
  readonly target: string
  /** Requirements that the caller knows to be met, such as `session-mfa`. */
  readonly satisfied: readonly string[]
}

/** The answer to a question about one subject and one application. */
export interface Answer {
  readonly decision: boolean
  readonly context: {
    readonly reason: string
    readonly roles: readonly string[]
    /** Those that are not met. */
    readonly requirements: readonly string[]
  }
}

/** The action of opening an application, whatever is asked of it then. */
export const OPEN = 'open'
const PREFIXES: Readonly<Record<string, string>> = { user: '', bot: 'bot:' }

/**
 * Decides as the gate does now, about a session that has met only the requirements that the question names: with locks, grants and
 * every policy. A subject that must first meet another one is denied, because whoever asks may open a door of its own.
 */
export class DecisionPoint {
  readonly #explanations: Pick<Explanations, 'groups'>
  readonly #catalog: Pick<Catalog, 'byName' | 'list'>
  readonly #resourceType: string

  constructor(rooms: {
    readonly explanations: Pick<Explanations, 'groups'>
    readonly catalog: Pick<Catalog, 'byName' | 'list'>
    readonly resourceType: string
  }) {
    this.#explanations = rooms.explanations
    this.#catalog = rooms.catalog
    this.#resourceType = rooms.resourceType
  }

  async evaluate(subject: string, resource: string, question: Question): Promise<Answer> {
    const prefix = PREFIXES[question.subjectType]
    if (prefix === undefined) return denied('user_not_found')
    if (question.resourceType !== this.#resourceType) return denied('app_not_found')
    if (question.action === null) return denied('request_not_allowed')
    const app = this.#catalog.byName(resource)
    if (app === undefined) return denied('app_not_found')
    const [group] = await this.#groups(question, prefix + subject)
    const account = group?.accounts[0]
    // A person whose name begins like those of programs is not a program.
    if (group === undefined || account?.bot !== (prefix !== '')) return denied('user_not_found')
    return answer(await outlook(group, account.name, app, question), question)
  }

  /** The ids of all subjects of the type for which `evaluate` says yes, sorted. */
  async subjects(resource: string, question: Question): Promise<readonly string[]> {
    const prefix = PREFIXES[question.subjectType]
    const app = this.#catalog.byName(resource)
    if (prefix === undefined || app === undefined || !this.#knows(question)) return []
    const found: string[] = []
    const asked = (await this.#groups(question)).flatMap((group) =>
      group.accounts.filter(({ bot }) => bot === (prefix !== '')).map(({ name }) => ({ name, group })),
    )
    for await (const { name, group } of inTurns(asked))
      if (answer(await outlook(group, name, app, question), question).decision)
        found.push(name.slice(prefix.length))
    return found.sort()
  }

  /** The names of all applications for which `evaluate` says yes, sorted. */
  async resources(subject: string, question: Question): Promise<readonly string[]> {
    const prefix = PREFIXES[question.subjectType]
    if (prefix === undefined || !this.#knows(question)) return []
    const [group] = await this.#groups(question, prefix + subject)
    const account = group?.accounts[0]
    if (group === undefined || account?.bot !== (prefix !== '')) return []
    const found: string[] = []
    for await (const app of inTurns(this.#catalog.list()))
      if (answer(await outlook(group, account.name, app, question), question).decision) found.push(app.name)
    return found.sort()
  }

  #knows({ resourceType, action }: Question): boolean {
    return resourceType === this.#resourceType && action !== null
  }

  #groups({ action, target }: Question, account?: string): Promise<readonly AccountGroup[]> {
    const request = action === OPEN || action === null ? undefined : { method: action, target }
    return this.#explanations.groups(account, request)
  }
}

const denied = (reason: string): Answer => ({
  decision: false,
  context: { reason, roles: [], requirements: [] },
})

async function outlook(
  group: AccountGroup,
  account: string,
  app: App,
  { action }: Question,
): Promise<Outlook> {
  const found = await group.decide(account, app)
  if (found.effect === 'deny') return found
  const reason = !app.enabled
    ? 'app_disabled'
    : action === OPEN || app.protocol === 'http'
      ? null
      : 'protocol_mismatch'
  return reason === null ? found : { effect: 'deny', reason, roles: [], requirements: [] }
}

function answer({ effect, reason, roles, requirements }: Outlook, { satisfied }: Question): Answer {
  const open = requirements.filter((name) => !satisfied.includes(name))
  // A requirement without a name cannot be met.
  const decision =
    effect === 'allow' || (effect === 'require' && requirements.length > 0 && open.length === 0)
  return { decision, context: { reason: decision ? 'allowed' : reason, roles, requirements: open } }
}
