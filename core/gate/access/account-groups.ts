import { type App, connectorOf } from '../../api/app.ts'
import type { Decision, ReceivedRequest, Vote } from '../../api/decision.ts'
import type { AccountGroup, Explanations, Outlook } from '../../api/explanations.ts'
import type { Grant } from '../../api/grants.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Subject } from '../../api/subject.ts'
import type { Users } from '../../api/users.ts'
import type { Ballots, HookCalls } from '../../kernel/hook.ts'
import { inTurns } from '../../kernel/turns.ts'
import type { RunningCatalog } from '../catalog/catalog.ts'
import { accountSubject, BY_AGENT } from '../users/account-subject.ts'
import type { Account, Accounts } from '../users/accounts.ts'
import { RequestQuery } from './access-request.ts'
import { agentNeeds, decideForBoth } from './agents.ts'
import { Ballot, countBallots, decisionOf } from './ballots.ts'
import type { ExplanationNeeds } from './explanation.ts'
import { rolesAt, subjectAt } from './subject-at.ts'

/** What all accounts of a group share: a policy that reads more of the subject decides for each of them. */
const SHARED: ReadonlySet<PropertyKey> = new Set(['roles', 'grants', 'kind', 'sessionId', 'satisfied'])

type Eventually<T> = T | Promise<T>

/** A decision for a group at one app. Null: a policy looked at the person, so it is valid for nobody else. */
type Shared = Eventually<Outlook | null>

interface GroupNeeds extends Omit<ExplanationNeeds, 'accounts' | 'catalog' | 'users'> {
  readonly accounts: Pick<Accounts, 'byName' | 'names'>
  readonly catalog: Pick<RunningCatalog, 'servedByHub'>
  readonly decide: HookCalls<HubHooks>['access']['decide']
  readonly users: Pick<Users, 'byName'>
}

/**
 * Groups accounts by their roles and grants, because 5,000 people have some dozen sets of roles. The gate's own policies decide
 * once for each group and app, for a session that has not met any requirement; locks are looked up for each account.
 */
export function createAccountGroups(rooms: GroupNeeds): Explanations['groups'] {
  const { accounts, grants, users, locks, requirements: kinds, decide: ask, clock } = rooms

  async function groups(only?: string, request?: ReceivedRequest): Promise<readonly AccountGroup[]> {
    const found = new Map<string, { sample: Account; granted: readonly Grant[]; all: Account[] }>()
    for await (const name of inTurns(only === undefined ? accounts.names() : [only])) {
      const account = accounts.byName(name)
      if (account === undefined) continue
      const granted = grants.of(account.name, account.holder)
      const alone = account.actsFor && [account.name]
      const key = [account.bot, ...account.roles, ...granted.map(({ id }) => id), ...(alone ?? [])].join(' ')
      const group = found.get(key)
      if (group) group.all.push(account)
      else found.set(key, { sample: account, granted, all: [account] })
    }
    return [...found.values()].map(({ sample, granted, all }) => {
      const own = groupOf(sample, granted, all, request)
      return sample.actsFor === undefined ? own : agentGroup(own, sample.actsFor, request)
    })
  }

  /** The group of an agent, which may do what both may. */
  function agentGroup(
    own: AccountGroup,
    person: Account,
    request: ReceivedRequest | undefined,
  ): AccountGroup {
    const granted = grants.of(person.name, person.holder)
    const theirs = groupOf(person, granted, [person], request, BY_AGENT.kind)
    const both = (own: Outlook, theirs: Outlook): Eventually<Outlook> => {
      const decided = decideForBoth(asDecision(own), asDecision(theirs), agentNeeds(rooms))
      return decided instanceof Promise ? decided.then(asOutlook) : asOutlook(decided)
    }
    return {
      ...own,
      actsFor: theirs,
      decide(name, app) {
        const [mine, other] = [own.decide(name, app), theirs.decide(person.name, app)]
        if (!(mine instanceof Promise) && !(other instanceof Promise)) return both(mine, other)
        return Promise.all([mine, other]).then(([mine, other]) => both(mine, other))
      },
    }
  }

  function groupOf(
    sample: Account,
    granted: readonly Grant[],
    all: readonly Account[],
    request: ReceivedRequest | undefined,
    kind: Subject['kind'] = 'session',
  ): AccountGroup {
    const known = new Map<string, Shared>()
    const here = (app: App) => (granted.length === 0 ? sample : rolesAt(sample.roles, granted, app.id))

    function decide(name: string, app: App): Eventually<Outlook> {
      const account = accounts.byName(name)
      if (account === undefined) return NOBODY
      const subject = subjectAt(accountSubject(account, { ...BY_AGENT, kind }, grants.of), app)
      if (locks.lockFor(subject, app) !== null) return LOCKED
      const shared = known.get(app.id)
      if (shared === undefined) return decideFirst(account, subject, app)
      const own = (one: Outlook | null) => withConnector(account, app, one ?? settle(subject, app, request))
      return shared instanceof Promise ? shared.then(own) : own(shared)
    }

    function decideFirst(account: Account, subject: Subject, app: App): Eventually<Outlook> {
      const watched = watch(subject)
      const first = settle(watched.subject, app, request)
      const share = (one: Outlook) => (watched.looked() ? null : one)
      known.set(app.id, first instanceof Promise ? first.then(share) : share(first))
      return withConnector(account, app, first)
    }

    return {
      accounts: all.map(({ name, bot, api }) => ({ name, bot, ...(api && { api }) })),
      roles: sample.roles,
      rolesAt: (app) => here(app).roles,
      grants: granted,
      decide,
    }
  }

  function settle(subject: Subject, app: App, request: ReceivedRequest | undefined): Eventually<Outlook> {
    const query = new RequestQuery(
      { subject, app, context: { protocol: app.protocol, clientIp: null } },
      request !== undefined && rooms.catalog.servedByHub(app) ? request : null,
    )
    const count = (ballots: Ballots<Vote>): Outlook => {
      const now = clock.now()
      const decision = decisionOf(
        countBallots(ballots, subject.roles, kinds, now),
        [],
        { appId: app.id, now },
        kinds,
      )
      const { effect, reason, roles, requirements } = decision
      return { effect, reason, roles, requirements: requirements.map(({ name }) => name) }
    }
    const ballots = ask(query, () => new Ballot(kinds, query))
    return ballots instanceof Promise ? ballots.then(count, () => FAILED) : count(ballots)
  }

  /** Somebody who signed in elsewhere has to sign in again; a program's own account has no connector. */
  function withConnector(account: Account, app: App, outlook: Eventually<Outlook>): Eventually<Outlook> {
    const connector = connectorOf(app, rooms.publicNames)
    if (connector === null || account.bot || users.byName(account.name)?.connector === connector)
      return outlook
    if (outlook instanceof Promise) return outlook.then((one) => withConnector(account, app, one))
    if (outlook.effect === 'deny') return outlook
    const requirements = ['connector', ...outlook.requirements]
    return { ...outlook, effect: 'require', reason: 'connector_not_allowed', requirements }
  }

  return groups
}

const asDecision = ({ requirements, ...outlook }: Outlook): Decision => ({
  ...outlook,
  requirements: requirements.map((name) => ({ name })),
})

const asOutlook = ({ effect, reason, roles, requirements }: Decision): Outlook => ({
  ...{ effect, reason, roles },
  requirements: requirements.map(({ name }) => name),
})

const denial = (reason: string): Outlook =>
  Object.freeze({ effect: 'deny', reason, roles: [], requirements: [] })
const LOCKED = denial('locked')
const NOBODY = denial('user_unknown')
const FAILED = denial('policy_failed')

/** A subject that notices whether a policy reads more of it than what its group shares. */
function watch(subject: Subject): { readonly subject: Subject; looked(): boolean } {
  let looked = false
  const note = (key: PropertyKey) => {
    if (!SHARED.has(key)) looked = true
  }
  const handler: ProxyHandler<Subject> = {
    get(target, key, receiver) {
      note(key)
      return Reflect.get(target, key, receiver)
    },
    has(target, key) {
      note(key)
      return Reflect.has(target, key)
    },
    getOwnPropertyDescriptor(target, key) {
      note(key)
      return Reflect.getOwnPropertyDescriptor(target, key)
    },
    ownKeys(target) {
      looked = true
      return Reflect.ownKeys(target)
    },
  }
  return { subject: new Proxy(subject, handler), looked: () => looked }
}
