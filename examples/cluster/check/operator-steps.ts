import type { Visitor } from '@mezite/core/testing'
import type { Cluster } from '../cluster.ts'
import type { Person } from '../people.ts'
import { expect, nextMessages, openSocket, type Step } from './person-steps.ts'

/** How long live connections may outlast their access, on one hub and on another one. */
const cutMs = ({ hubs }: Cluster): number => (hubs.length > 1 ? 2_000 : 1_000)
const MESSAGE = 'Back at ten.'

/** The steps of an operator: a lock that cuts live connections, and a look at the audit trail. */
export function operatorSteps(cluster: Cluster, visitor: () => Visitor, person: Person): Step[] {
  let lockId = ''
  return [
    {
      name: 'A lock cuts a live WebSocket and a live event stream',
      run: async () => {
        const socket = openSocket(cluster, visitor())
        await nextMessages(socket)()
        const events = await visitor().stream(`${cluster.apps.live}/events`)
        const closed = new Promise<number>((resolve) => socket.on('close', resolve))
        const ended = new Promise<void>((resolve) => {
          events.on('error', () => {})
          events.on('close', resolve)
          events.resume()
        })
        const lock = ['locks', 'create', '--user', person.email, '--message', MESSAGE, '--yes', '--json']
        const output = await cluster.mezctl(...lock)
        lockId = JSON.parse(output).id
        const locked = Date.now()
        expect((await closed) === 4401, 'the WebSocket did not close with code 4401')
        await ended
        const took = Date.now() - locked
        expect(took < cutMs(cluster), `it took ${took} ms`)
      },
    },
    {
      name: 'A locked person is refused with the message, and admitted again after the lock',
      run: async () => {
        const refused = await visitor().open(`${cluster.apps.live}/`)
        expect(refused.status === 403, `status ${refused.status} while locked`)
        expect(refused.text.includes(MESSAGE), 'the page does not show the message of the lock')
        await cluster.mezctl('locks', 'rm', lockId, '--yes')
        const page = await visitor().open(`${cluster.apps.live}/`)
        expect(page.status === 200, `status ${page.status} after the lock`)
      },
    },
    {
      name: 'The audit trail contains requests, sign-ins, denials and the lock',
      run: async () => {
        const output = await cluster.mezctl('audit', 'ls', '--limit', '1000', '--format', 'json')
        const events = JSON.parse(output) as { type: string; user: string | null }[]
        for (const type of ['user.login', 'app.request', 'access.denied', 'lock.created', 'agent.joined']) {
          expect(
            events.some((event) => event.type === type),
            `no ${type} among ${events.length} events`,
          )
        }
        expect(!output.includes('from=check'), 'a query string was recorded')
      },
    },
    {
      name: 'Signing out at the identity provider ends the sessions here',
      run: async () => {
        const events = await visitor().stream(`${cluster.apps.live}/events`)
        const ended = new Promise<void>((resolve) => {
          events.on('error', () => {})
          events.on('close', resolve)
          events.resume()
        })
        const question = await visitor().open(`${cluster.idpUrl}/session/end`)
        const began = Date.now()
        await visitor().submit(question, /\/session\/end\/confirm/, { logout: 'yes' })
        await ended
        const took = Date.now() - began
        expect(took < cutMs(cluster), `it took ${took} ms`)
        const response = await visitor().fetch(`${cluster.apps.live}/`, {
          headers: { accept: 'application/json' },
        })
        expect(response.status === 401, `status ${response.status} afterwards`)
      },
    },
  ]
}
