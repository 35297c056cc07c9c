import type { Notification, Notifier } from '@mezite/core'
import { defineHubPlugin, notifiers } from '@mezite/core'
import { type Holder, startKeyHub } from '../webauthn/key-hub.ts'

/** A request as the API shows it, or the problem. */
export interface Said {
  readonly status: number
  readonly code?: string
  readonly id: string
  readonly state: string
  readonly grant_id: string | null
  readonly until: string | null
  readonly role: string
  readonly challenge_url?: string
  readonly cut?: unknown
}

/**
 * A hub with people who sign in with passkeys, apps that are ready by labels, and roles that ask and review. Notifications
 * end up in `sent`.
 */
export async function startRequestHub() {
  const sent: Notification[] = []
  const refused = { all: false, throws: false, hangs: false }
  /** What receivers got, and have not accepted. */
  const pending: Notification[] = []
  const notifier: Notifier = {
    name: 'test',
    takes() {
      if (refused.throws) throw new Error('a notifier that fails')
      return !refused.all
    },
    async deliver(message, signal) {
      if (refused.hangs) {
        pending.push(message)
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
      }
      sent.push(message)
    },
  }
  // The first to accept is enough, and one that never does holds nobody up.
  const deaf: Notifier = {
    name: 'deaf',
    takes: ({ severity }) => severity === 'critical' && !refused.all,
    deliver: () => new Promise(() => {}),
  }
  const receiver = defineHubPlugin({
    name: 'receiver',
    api: 1,
    summary: 'Keeps notifications',
    provides: { notifiers },
    setup({ provide }) {
      provide.notifiers(deaf)
      provide.notifiers(notifier)
    },
  })
  const keyHub = await startKeyHub({}, [receiver])
  const { hub, origin } = keyHub

  const app = (name: string, labels: object, more: object = {}) =>
    hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels },
      spec: { uri: 'http://127.0.0.1:9', agents: ['none'], ...more },
    })
  const role = (name: string, allow: object, more: object = {}) =>
    hub.api('PUT', `/roles/${name}`, {
      kind: 'role',
      version: 'v1',
      metadata: { name },
      spec: { allow, ...more },
    })

  /** A call to the API by a person's browser. */
  async function call(who: Holder, method: string, path: string, body?: object): Promise<Said> {
    const me = await who.visitor.fetch(`${origin}/v1/webapi/me`, { headers: { accept: 'application/json' } })
    const token = String(me.headers['x-mezite-csrf'] ?? '')
    const answer = await who.visitor.fetch(`${origin}/v1/webapi${path}`, {
      method,
      headers: {
        accept: 'application/json',
        origin,
        'x-mezite-csrf': token,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const { status: _, ...said } = answer.text === '' ? {} : JSON.parse(answer.text)
    return { ...said, status: answer.status }
  }
  const ask = (who: Holder, body: object = {}) =>
    call(who, 'POST', '/access-requests', { app: 'orders', for: '1h', reason: 'TICKET-7', ...body })
  const approve = (who: Holder, id: string, body: object = {}) =>
    call(who, 'POST', `/access-requests/${id}/approve`, body)
  /** `admitted`, or the reason code of the denial. */
  async function reach(who: Holder, name: string): Promise<string> {
    const answer = await who.visitor.open(`${hub.appUrl(name)}/deep?q=1`).catch((error: Error) => error)
    if (answer instanceof Error) return answer.message
    if (answer.status !== 403) return 'admitted'
    return /<code data-copy[^>]*>([a-z_]+)<\/code>/.exec(answer.text)?.[1] ?? answer.text.slice(0, 200)
  }
  type Event = Readonly<Record<string, unknown>>
  const events = (type: string) => hub.api<Event[]>('GET', `/audit?type=${type}&limit=1000`)

  return { ...keyHub, sent, pending, refused, app, role, call, ask, approve, reach, events }
}
