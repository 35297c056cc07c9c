import { type App, connectorOf } from '../../api/app.ts'
import type { AccessContext, Decision, ReceivedRequest, VoteLine } from '../../api/decision.ts'
import type { Explanation, Explanations } from '../../api/explanations.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { HookCalls } from '../../kernel/hook.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { appNotFound, type RunningCatalog } from '../catalog/catalog.ts'
import { accountSubject, BY_AGENT } from '../users/account-subject.ts'
import type { Account, Accounts } from '../users/accounts.ts'
import { userNotFound } from '../users/users.ts'
import { RequestQuery } from './access-request.ts'
import { agentNeeds, decideForBoth } from './agents.ts'
import { Ballot, countBallots, decisionOf, denied } from './ballots.ts'
import type { RunningGrants } from './grants.ts'
import type { Locks } from './lock.ts'
import type { Requirements } from './requirements.ts'
import { subjectAt } from './subject-at.ts'

const KINDS = { browser: 'session', msh: 'certificate', api: 'token' } as const

/** A ballot that keeps what the tap reports about its votes. */
class ExplainedBallot extends Ballot {
  readonly plugin: string
  readonly lines: VoteLine[] = []
  readonly explain = (line: VoteLine): void => void this.lines.push(line)

  constructor(plugin: string, kinds: Requirements, query: RequestQuery) {
    super(kinds, query)
    this.plugin = plugin
  }

  /** The reported lines; for a tap that reports none, a line for each vote. */
  votes(): VoteLine[] {
    if (this.lines.length > 0) return this.lines
    const line = (effect: VoteLine['effect'], role: string | null, matcher: string | null): VoteLine => ({
      role,
      effect,
      matcher,
      label: null,
      value: null,
    })
    return [
      ...this.roles.map((role) => line('allow', role, null)),
      ...this.denials.map(({ reason }) => line('deny', null, reason)),
    ]
  }
}

export interface ExplanationNeeds {
  readonly catalog: Pick<RunningCatalog, 'registered' | 'servedByHub'>
  readonly accounts: Pick<Accounts, 'byName'>
  readonly grants: Pick<RunningGrants, 'of'>
  readonly locks: Pick<Locks, 'lockFor'>
  readonly requirements: Requirements
  readonly kernel: Pick<Kernel<HubHooks>, 'slot'>
  readonly decide: HookCalls<HubHooks>['access']['decide']
  readonly publicNames: Pick<PublicNames, 'appsOidcConnector'>
  readonly clock: Clock
}

/**
 * Explains what the gate would decide about a user and an app. It counts the same ballots in the same way, for a session
 * that has not met any requirement. It grants and records nothing.
 */
export function createExplanation(rooms: ExplanationNeeds): Explanations['explain'] {
  const { catalog, accounts, grants, locks, requirements: kinds, decide: ask, clock } = rooms

  const explain = async (
    account: Account,
    app: App,
    way: keyof typeof KINDS,
    request?: ReceivedRequest,
  ): Promise<Explanation> => {
    const { bot, connector: signedInWith } = account
    // A program's own account has no connector.
    const required = bot ? null : connectorOf(app, rooms.publicNames)
    const subject = subjectAt(accountSubject(account, { ...BY_AGENT, kind: KINDS[way] }, grants.of), app)
    const context: AccessContext = {
      protocol: way === 'browser' && !catalog.servedByHub(app) ? 'http' : app.protocol,
      clientIp: null,
    }
    const cast: ExplainedBallot[] = []
    const received = request !== undefined && catalog.servedByHub(app) ? request : null
    const query = new RequestQuery({ subject, app, context }, received)
    const ballots = await ask(query, (plugin) => {
      const ballot = new ExplainedBallot(plugin, kinds, query)
      cast.push(ballot)
      return ballot
    })
    const count = countBallots(ballots, subject.roles, kinds, clock.now())
    const lock = locks.lockFor(subject, app)
    const wrongConnector = required !== null && signedInWith !== required
    const browser = way === 'browser'
    const decision = outcome(app, context, [
      wrongConnector && !browser ? denied('connector_not_allowed') : null,
      lock === null ? null : denied('locked'),
      decisionOf(count, subject.satisfied, { appId: app.id, now: clock.now() }, kinds),
    ])
    // A browser is sent to the right connector, and signs in there.
    const signsInAgain = wrongConnector && browser && decision.effect !== 'deny'
    const failed = ballots.failed.map(({ plugin }) => ({
      plugin,
      role: null,
      effect: 'deny' as const,
      matcher: 'policy_failed',
      label: null,
      value: null,
    }))
    return {
      rule: decision.rule ?? null,
      effect: signsInAgain ? 'require' : decision.effect,
      reason: signsInAgain ? 'connector_not_allowed' : decision.reason,
      votes: [
        ...cast.flatMap((ballot) => ballot.votes().map((vote) => ({ plugin: ballot.plugin, ...vote }))),
        ...failed,
      ],
      grants: (subject.grants ?? []).map(({ id, role, until }) => ({
        id,
        role,
        until: new Date(until).toISOString(),
      })),
      requirements: [
        ...(signsInAgain ? [{ name: 'connector', met: false }] : []),
        ...count.requirements.map(({ name }) => ({ name, met: false })),
      ],
      lock: lock && {
        id: lock.id,
        target: { [lock.kind]: lock.target },
        message: lock.message,
        expires: lock.expires === null ? null : new Date(lock.expires).toISOString(),
      },
      connector: required === null ? null : { required, signed_in_with: signedInWith, met: !wrongConnector },
    }
  }

  return async (userName, appName, way, request) => {
    const account = accounts.byName(userName)
    if (!account) throw userNotFound(userName)
    const app = catalog.registered().find(({ name }) => name === appName)
    if (!app) throw appNotFound(appName)
    const own = await explain(account, app, way, request)
    const { actsFor } = account
    if (actsFor === undefined) return own
    // It comes as with a program of the person; see `decideForBoth`.
    const theirs = await explain(actsFor, app, 'api', request)
    const both = await decideForBoth(asDecision(own), asDecision(theirs), agentNeeds(rooms))
    const { effect, reason } = both
    return {
      ...own,
      ...{ effect, reason, rule: own.effect === 'allow' ? theirs.rule : own.rule },
      requirements: both.requirements.map(({ name }) => ({ name, met: false })),
      votes: [...own.votes, ...theirs.votes],
      ...{ lock: own.lock ?? theirs.lock, connector: theirs.connector },
      acts_for: { user: actsFor.name, effect: theirs.effect, reason: theirs.reason },
    }
  }
}

/** What an explanation says, as a decision. */
const asDecision = ({ effect, reason, requirements }: Explanation): Decision => ({
  ...{ effect, reason, roles: [] },
  requirements: requirements.map(({ name }) => ({ name })),
})

/** Checks in the order of the gate: denials, the protocol of the app, requirements, the state of the app. */
function outcome(app: App, context: AccessContext, decisions: readonly (Decision | null)[]): Decision {
  const decision = decisions.find((one) => one !== null) as Decision
  if (decision.effect === 'deny') return decision
  if (app.protocol !== context.protocol) return denied('protocol_mismatch')
  if (decision.effect === 'require') return decision
  return app.enabled ? decision : denied('app_disabled')
}
