import type { Visitor } from '@mezite/core/testing'
import type { Cluster } from '../cluster.ts'
import { colleague, people } from '../people.ts'
import { expect, type Step } from './person-steps.ts'

const REASON = 'A customer cannot sign in.'

interface OfferedApp {
  readonly name: string
  readonly request_path: string | null
}

/** A person finds an app on the launcher, is refused, asks from that page, and gets in once a colleague approves. */
export function requestSteps(cluster: Cluster, visitors: ReadonlyMap<string, Visitor>): Step[] {
  const [approver] = people
  const asker = () => visitors.get(colleague.id)!
  const decider = () => visitors.get(approver.id)!
  const app = `${cluster.apps.identity}/?from=request`
  let request = ''
  return [
    {
      name: `${colleague.name} sees live on the launcher, and may ask for identity`,
      run: async () => {
        const home = await asker().open(`${cluster.hubUrl}/`)
        expect(home.status === 200, `status ${home.status} at ${home.url}`)
        const { text } = await asker().fetch(`${cluster.hubUrl}/v1/webapi/me/apps?requestable=true`)
        const apps = JSON.parse(text) as readonly OfferedApp[]
        const shown = (is: boolean) =>
          apps.filter(({ request_path: path }) => (path === null) === is).map(({ name }) => name)
        expect(shown(true).join() === 'live', `the launcher shows ${shown(true)}`)
        expect(shown(false).includes('identity'), `the launcher offers ${shown(false)}`)
      },
    },
    {
      name: `${colleague.name} asks on the page that refuses identity`,
      run: async () => {
        const refused = await asker().open(app)
        expect(refused.status === 403, `status ${refused.status}, not 403`)
        const waiting = await asker().submit(refused, /\/access-requests$/, { for: '1h', reason: REASON })
        expect(waiting.status === 200, `status ${waiting.status} at ${waiting.url}`)
        request = waiting.url
        const again = await asker().open(app)
        expect(again.status === 403, `status ${again.status} before anybody has approved`)
      },
    },
    {
      name: `${approver.name} reads the reason and approves; identity opens for ${colleague.name}`,
      run: async () => {
        const inbox = await decider().open(`${cluster.hubUrl}/web/access-requests`)
        expect(inbox.text.includes(new URL(request).pathname), 'the request is not in the list')
        const page = await decider().open(request)
        expect(page.text.includes(REASON), 'the page does not show the reason')
        await decider().submit(page, /\/approve$/, { for: '1h' })
        const opened = await asker().open(app)
        expect(opened.status === 200 && opened.url === app, `status ${opened.status} at ${opened.url}`)
        expect(opened.text.includes(colleague.email), 'the page does not greet them')
      },
    },
    {
      name: `${approver.name} ends that access, and identity is closed again`,
      run: async () => {
        await decider().submit(await decider().open(request), /\/revoke$/)
        const closed = await asker().open(app)
        expect(closed.status === 403, `status ${closed.status}, not 403`)
      },
    },
  ]
}
