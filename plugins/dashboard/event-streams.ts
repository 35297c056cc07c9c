import { Readable } from 'node:stream'
import { type Log, messageOf, type Revisions, type Sessions, type Subject } from '@mezite/core'
import { problemFor } from './reasons.ts'

const ALIVE_MS = 15_000
/** Changes within this time are sent as one event. */
const GATHER_MS = 50
const MOST_STREAMS = 2_000
/** Of these, only for administrators: they must see what happens when others have opened too many pages. */
const RESERVED = 200
const MOST_PER_SESSION = 24
/** In all sessions and with all tokens of a person. */
const MOST_PER_PERSON = 100
/** Keys are named up to this number; a page then reloads the whole kind. */
const MOST_KEYS = 50
/** A page that leaves more than this unread, in bytes, is disconnected. */
const MOST_UNREAD = 256 * 1024

type Touched = ReadonlyMap<string, ReadonlySet<string>>

/** The caller of a stream. */
export interface Listener {
  readonly subject: Subject
  readonly identifyAgain: () => Promise<Subject | null>
}

interface Follower extends Listener {
  readonly stream: Readable
  /** Whether the caller was an administrator, and not locked, when last identified. */
  admin: boolean
}

/** Server-sent events about changes of access data, for any number of open pages. */
export interface EventStreams {
  /**
   * Opens a stream. `changed` names the kinds of data that changed, for administrators also their keys; `access` says that
   * the caller's own access may have changed; `ended` is the last event of a session. Throws `Problem` 429
   * `too_many_streams`.
   */
  open(listener: Listener): Readable
  /** Reports a change to all streams; null: everything may have changed. */
  publish(touched: Touched | null): void
  /** Ends every stream; pages connect again, to another hub if this one stops. */
  end(): void
}

export function createEventStreams(options: {
  readonly revisions: Pick<Revisions, 'onApplied'>
  readonly sessions: Pick<Sessions, 'byId' | 'subjectOf'>
  readonly log: Log
}): EventStreams {
  const { revisions, sessions, log } = options
  const followers = new Set<Follower>()
  let gathered: Map<string, Set<string>> | null = new Map()
  let timer: NodeJS.Timeout | undefined

  const leave = (follower: Follower, last?: string): void => {
    if (!followers.delete(follower)) return
    if (last !== undefined) follower.stream.push(last)
    follower.stream.push(null)
  }

  function publish(touched: Touched | null): void {
    if (followers.size === 0) return
    if (touched === null) gathered = null
    for (const [kind, keys] of (gathered && touched) ?? [])
      gathered?.set(kind, new Set([...(gathered.get(kind) ?? []), ...keys]))
    timer ??= setTimeout(send, GATHER_MS).unref()
  }

  function send(): void {
    timer = undefined
    const changes = gathered
    gathered = new Map()
    const kinds = changes === null ? null : [...changes].map(([kind, keys]) => [kind, listed(keys)])
    const forAdmins = event('changed', { kinds: kinds && Object.fromEntries(kinds) })
    const mayBeLocked = changes === null || changes.has('lock') || changes.has('user')
    for (const follower of followers) void tell(follower, mayBeLocked, forAdmins)
  }

  function push(follower: Follower, text: string): void {
    if (follower.stream.readableLength > MOST_UNREAD) leave(follower)
    else if (followers.has(follower)) follower.stream.push(text)
  }

  /**
   * Ends the stream of a session that has ended. A locked person stays, without roles. Callers with a session are identified
   * only when there may be a new lock: this counts as use, and an open page must not keep its session alive.
   */
  async function tell(follower: Follower, mayBeLocked: boolean, forAdmins: string): Promise<void> {
    const { kind, sessionId } = follower.subject
    try {
      if (sessionId !== null && !sessions.byId(sessionId)) return leave(follower, event('ended', {}))
      if (kind !== 'operator' && (mayBeLocked || sessionId === null)) {
        const subject = await follower.identifyAgain()
        if (subject === null) return leave(follower, event('ended', {}))
        follower.admin = subject.roles.includes('admin')
      }
      push(follower, isAdmin(follower) ? forAdmins : event('access', {}))
    } catch (error) {
      log.warn({ cause: messageOf(error) }, 'failed to identify the reader of an event stream')
      leave(follower)
    }
  }

  /** With the roles of today. */
  function isAdmin({ admin, subject: { sessionId } }: Follower): boolean {
    if (!admin || sessionId === null) return admin
    const session = sessions.byId(sessionId)
    return (session && sessions.subjectOf(session))?.roles.includes('admin') ?? false
  }

  /** Expired sessions end without a change of access data. */
  const sendBeat = (): void => {
    for (const follower of followers) {
      const { sessionId } = follower.subject
      if (sessionId !== null && !sessions.byId(sessionId)) leave(follower, event('ended', {}))
      else push(follower, ': \n\n')
    }
  }
  let beat: NodeJS.Timeout | undefined

  revisions.onApplied(publish)

  return {
    publish,
    open(listener) {
      const { user, roles, sessionId } = listener.subject
      const admin = roles.includes('admin')
      const own = [...followers].filter(({ subject }) => subject.user === user)
      const ofSession = own.filter(({ subject }) => subject.sessionId === sessionId).length
      const free = MOST_STREAMS - (admin ? 0 : RESERVED) - followers.size
      if (free <= 0 || ofSession >= MOST_PER_SESSION || own.length >= MOST_PER_PERSON)
        throw problemFor('too_many_streams', 'Too many pages of the dashboard are open.')
      const stream = new Readable({ read() {} })
      const follower: Follower = { ...listener, stream, admin }
      followers.add(follower)
      beat ??= setInterval(sendBeat, ALIVE_MS).unref()
      stream.once('close', () => followers.delete(follower))
      stream.on('error', () => followers.delete(follower))
      stream.push(`retry: 1000\n${event('open', {})}`)
      return stream
    },
    end() {
      clearInterval(beat)
      clearTimeout(timer)
      for (const follower of followers) leave(follower)
    },
  }
}

const event = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
const listed = (keys: ReadonlySet<string>) => (keys.size > MOST_KEYS ? null : [...keys])
