import type {
  App,
  Audit,
  Catalog,
  Clock,
  Database,
  Log,
  Notification,
  PublicNames,
  Session,
  Sessions,
  Subject,
  Users,
} from '@mezite/core'
import type { Assertion, LockView } from '@mezite/core/identity'
import type { Access } from '@mezite/core/protocol'
import type { HeldRequest, Hold, PasskeySignature, SatisfiedRequirement } from '@mezite/core/types'
import { canonical, pathOf, sha256 } from './intent.ts'
import { documentOf, eventOf, type IntentDocument, type SignedBy } from './intent-document.ts'
import type { IntentRow, IntentTables } from './migrations.ts'
import { problemFor } from './reasons.ts'
import { sentenceFor } from './sentences.ts'

/** The name of the requirement, and of the statements that people sign. */
export const NAME = 'signed-intent'
/** How long a request waits, in milliseconds. */
export const WITHIN_MS = 120_000
/** How often this hub looks whether another one has taken a signature. */
const LOOK_MS = 1_000
/** By the clock of another hub, a row may live on for this long. */
const KEEP_MS = 3_600_000

/** An intent whose request this hub holds. */
interface Live {
  readonly request: HeldRequest
  readonly document: IntentDocument
  readonly decide: (outcome: string | null) => void
  signed: SignedBy | null
}

/** What the intents need. */
export interface IntentNeeds {
  readonly access: Pick<Access, 'admit'>
  readonly assertion: Pick<Assertion, 'signOnce'>
  readonly audit: Pick<Audit, 'record'>
  readonly catalog: Pick<Catalog, 'byId'>
  readonly database: Database
  readonly locks: LockView
  readonly publicNames: Pick<PublicNames, 'signInOrigin'>
  readonly sessions: Pick<Sessions, 'byId' | 'subjectOf'>
  readonly users: Pick<Users, 'byName'>
  readonly templatesFor: (app: App) => Parameters<typeof sentenceFor>[0]
  readonly notify: ((notification: Notification) => Promise<void>) | null
  readonly clock: Clock
  readonly log: Log
}

/** Intents from the request until it is sent: only the hub that holds the request sends it, and only once. */
export function createIntents(needs: IntentNeeds) {
  const { access, assertion, audit, catalog, locks, publicNames, sessions, users, clock, log } = needs
  const db = needs.database.withTables<IntentTables>()
  const live = new Map<string, Live>()
  /** Who has signed, by the entries that were handed to the gate: nothing else counts, a copy included. */
  const proofs = new WeakMap<
    SatisfiedRequirement,
    { readonly by: Subject; readonly holder: string | null; readonly other: boolean }
  >()
  let looking: NodeJS.Timeout | undefined

  async function hold(request: HeldRequest): Promise<Hold | null> {
    const { requirement, subject, app } = request
    const signer = requirement.signer === 'other' ? 'other' : 'self'
    // A program's own account has no passkey.
    if ((subject.kind === 'bot' && signer === 'self') || subject.sessionId === null) return null
    const now = clock.now()
    const document = documentOf(request, {
      now,
      domain: new URL(publicNames.signInOrigin).host,
      signer,
      holder: users.byName(subject.user)?.holder ?? null,
      sentence: sentenceFor(needs.templatesFor(app), request.method, pathOf(request.target)),
    })
    const { id } = document.intent
    await db
      .deleteFrom('signed_intents')
      .where('expires', '<', now - KEEP_MS)
      .execute()
    const row = {
      id,
      document: JSON.stringify(document),
      state: 'waiting',
      proof: null,
      expires: now + WITHIN_MS,
    }
    await db.insertInto('signed_intents').values(row).execute()
    const { promise, resolve } = Promise.withResolvers<string | null>()
    live.set(id, { request, document, decide: resolve, signed: null })
    looking ??= setInterval(() => void look(), LOOK_MS).unref()
    if (document.program || signer === 'other') announce(document, app)
    return { path: pageOf(document), decided: promise, release: () => release(id), end: () => void end(id) }
  }

  function announce({ intent, sentence, signer }: IntentDocument, app: App): void {
    const what = sentence?.map(({ text }) => text).join('') ?? `${intent.method} ${intent.path.slice(0, 200)}`
    const title = `${app.display?.name ?? app.name}: ${what}`
    const text =
      signer === 'self'
        ? 'A program that acts for you sent this. It goes on once you sign it with your passkey, within two minutes.'
        : `${intent.caller} sent this. It goes on once another person who may do the same signs it, within two minutes.`
    const to = signer === 'self' ? { user: intent.caller } : {}
    needs
      .notify?.({ kind: NAME, severity: 'warning', title, text, path: `/web/intents/${intent.id}`, ...to })
      .catch((error: unknown) => log.warn({ error: String(error) }, 'failed to notify of a request to sign'))
  }

  /** Learns of what people decided, at whichever hub. */
  async function look(): Promise<void> {
    if (live.size === 0) {
      clearInterval(looking)
      looking = undefined
      return
    }
    try {
      const rows = await db
        .selectFrom('signed_intents')
        .selectAll()
        .where('id', 'in', [...live.keys()])
        .where('state', 'in', ['signed', 'declined'])
        .execute()
      for (const { id, state, proof } of rows) {
        const known = live.get(id)
        if (known === undefined) continue
        if (state === 'signed') known.signed = JSON.parse(proof ?? '') as SignedBy
        known.decide(state === 'signed' ? null : 'signature_declined')
      }
    } catch (error) {
      log.warn({ error: String(error) }, 'failed to look for signatures')
    }
  }

  /** See `Hold.release`. */
  async function release(id: string): ReturnType<Hold['release']> {
    const known = live.get(id)
    const signed = known?.signed ?? null
    if (known === undefined || signed === null) return 'intent_over'
    const { request, document } = known
    const { app } = request
    // The roles may have changed since.
    const caller = current(document.sessionId)
    const by = current(signed.sessionId)
    if (caller === undefined) return 'session_ended'
    if (by === undefined || (document.signer === 'other' && !(await maySend(document, signed.sessionId))))
      return 'signer_lost_access'
    const used = await db
      .updateTable('signed_intents')
      .set({ state: 'used' })
      .where('id', '=', id)
      .where('state', '=', 'signed')
      .where('expires', '>', clock.now())
      .returning('id')
      .executeTakeFirst()
    if (used === undefined) return 'intent_over'
    const met = Object.freeze({ name: NAME, level: 'passkey', appId: app.id, at: signed.at, by: id })
    const holder = users.byName(by.user)?.holder ?? null
    proofs.set(met, { by, holder, other: signed.user !== document.intent.caller })
    const { caller: _caller, domain, app: _app, app_id, type, id: intent, ...what } = document.intent
    const token = assertion.signOnce(caller, app, 'mezite-intent+jwt', {
      ...what,
      intent,
      intent_sha256: sha256(canonical(document.intent)).toString('hex'),
      signer: signed.user,
      signed_at: Math.floor(signed.at / 1_000),
    })
    return { met, lines: ['Mezite-Intent', token] }
  }

  const current = (sessionId: string): Subject | undefined => {
    const session = sessions.byId(sessionId)
    return session && sessions.subjectOf(session)
  }

  /** Nobody signs these any more. */
  async function end(...ids: readonly string[]): Promise<void> {
    const known = ids.filter((id) => live.delete(id))
    if (known.length === 0) return
    await db
      .updateTable('signed_intents')
      .set({ state: 'over' })
      .where('id', 'in', known)
      .where('state', 'in', ['waiting', 'signed'])
      .execute()
      .catch((error: unknown) => log.warn({ error: String(error) }, 'failed to close requests to sign'))
  }

  /** Whether the person of this session may send the same request, but for the signature. */
  async function maySend(
    { intent, target, clientIp, requestId }: IntentDocument,
    sessionId: string,
  ): Promise<boolean> {
    const app = catalog.byId(intent.app_id)
    if (app === undefined) return false
    const outcome = await access.admit({
      who: { kind: 'hub', sessionId },
      app,
      protocol: app.protocol,
      clientIp: sessions.byId(sessionId)?.clientIp ?? clientIp,
      requestId,
      probe: true,
      request: { method: intent.method, target },
    })
    if (outcome.outcome === 'admitted') return true
    return outcome.outcome === 'required' && outcome.requirements.every(({ name }) => name === NAME)
  }

  async function rowOf(
    id: string,
  ): Promise<{ readonly row: IntentRow; readonly document: IntentDocument } | null> {
    if (!/^[A-Za-z0-9_-]{22}$/.test(id)) return null
    const row = await db.selectFrom('signed_intents').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined
      ? null
      : { row: row as IntentRow, document: JSON.parse(row.document) as IntentDocument }
  }

  /** The intent, if this session may sign it now. */
  async function signable(id: string, session: Session): Promise<IntentDocument | null> {
    const found = await rowOf(id)
    if (found === null || found.row.state !== 'waiting' || Number(found.row.expires) <= clock.now())
      return null
    const { document } = found
    const isCaller = session.user === document.intent.caller
    if (document.signer === 'self') return isCaller && session.holder === document.holder ? document : null
    return !isCaller && (await maySend(document, session.id)) ? document : null
  }

  /** Decides a waiting intent, once. Throws `Problem` 409 if it is over. */
  async function settle(id: string, session: Session, signature: PasskeySignature | null): Promise<string> {
    const document = await signable(id, session)
    if (document === null) throw problemFor('intent_over')
    const at = clock.now()
    const proof: SignedBy | null = signature && {
      ...signature,
      user: session.user,
      sessionId: session.id,
      at,
    }
    const decided = await db
      .updateTable('signed_intents')
      .set({ state: proof === null ? 'declined' : 'signed', proof: proof && JSON.stringify(proof) })
      .where('id', '=', id)
      .where('state', '=', 'waiting')
      .where('expires', '>', at)
      .returning('id')
      .executeTakeFirst()
    if (decided === undefined) throw problemFor('intent_over')
    audit.record(eventOf(document, session, sessions.subjectOf(session)?.roles ?? null, proof))
    await look()
    const isBack = document.signer === 'self' && document.returnTo !== null
    return isBack ? (document.returnTo as string) : `/web/intents/${id}`
  }

  return {
    hold,
    signable,
    settle,
    rowOf,
    /** Whether an entry of this hub meets the requirement still: its signer is not locked, and holds the name. */
    isMet(entry: SatisfiedRequirement, appId: string, signer: unknown): boolean {
      const proof = proofs.get(entry)
      if (proof === undefined || entry.appId !== appId || (signer === 'other' && !proof.other)) return false
      const user = users.byName(proof.by.user)
      return (
        user !== undefined &&
        (user.holder ?? null) === proof.holder &&
        locks.lockFor(proof.by, catalog.byId(appId) ?? null) === null
      )
    },
    async stop(): Promise<void> {
      clearInterval(looking)
      await end(...live.keys())
    },
  }
}

export type Intents = ReturnType<typeof createIntents>

/** Where the decision begins: who waits for somebody else sees that first. */
const pageOf = ({ signer, intent }: IntentDocument): string =>
  signer === 'self' ? `/web/sign/${NAME}/${intent.id}` : `/web/intents/${intent.id}`
