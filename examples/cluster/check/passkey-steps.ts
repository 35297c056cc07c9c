import { Visitor } from '@mezite/core/testing'
import type { Cluster } from '../cluster.ts'
import { passkeyPerson } from '../people.ts'
import { expect, type Step } from './person-steps.ts'
import { type PasskeyOptions, SoftwarePasskey } from './software-passkey.ts'

interface Begun {
  readonly options: PasskeyOptions
  readonly ceremony: string
}

/** A person without an identity provider adds a passkey with a link, signs in with it, and opens an app that requires it. */
export function passkeySteps(cluster: Cluster): Step[] {
  const { name, roles } = passkeyPerson
  const hub = cluster.hubUrl
  const visitor = new Visitor(cluster.ca)
  const passkey = new SoftwarePasskey(hub)

  async function post<Body>(path: string, body: object): Promise<Body> {
    const headers = { origin: hub, 'content-type': 'application/json' }
    const response = await visitor.fetch(hub + path, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(response.status < 400, `${path} responded ${response.status}: ${response.text}`)
    return (response.text === '' ? {} : JSON.parse(response.text)) as Body
  }
  const stateOf = (url: string): string => new URL(url).searchParams.get('state') ?? ''

  return [
    {
      name: `A link adds a passkey for ${name}, who has no identity provider`,
      run: async () => {
        const made = ['users', 'create', name, '--roles', roles.join(), '--passkey', '--format', 'json']
        const { enrolment } = JSON.parse(await cluster.mezctl(...made)) as { enrolment: { link: string } }
        const token = new URL(enrolment.link).hash.slice(1)
        const { options, ceremony, user } = await post<Begun & { user: string }>('/web/enrol/begin', {
          token,
        })
        expect(user === name, `the link is for ${user}`)
        const finish = { token, ceremony, response: passkey.create(options), name: 'Check' }
        await post('/web/enrol/finish', finish)
        const home = await visitor.open(`${hub}/`)
        expect(home.status === 200 && home.text.includes(name), `status ${home.status} at ${home.url}`)
      },
    },
    {
      name: `${name} signs in with the passkey alone and reaches live`,
      run: async () => {
        const page = await visitor.open(`${hub}/web/login?connector=passkey`)
        const state = stateOf(page.url)
        const { options, ceremony } = await post<Begun>('/web/passkey/begin', {})
        await post('/web/passkey/finish', { state, ceremony, response: passkey.get(options) })
        const live = await visitor.open(`${cluster.apps.live}/`)
        expect(live.status === 200 && live.text.includes(name), `status ${live.status} at ${live.url}`)
        const identity = await visitor.open(`${cluster.apps.identity}/`)
        expect(identity.status === 403, `identity responds with ${identity.status}, not 403`)
      },
    },
    {
      name: `The vault opens after ${name} has confirmed with the passkey`,
      run: async () => {
        const wanted = `${cluster.vaultUrl}/?from=check`
        const page = await visitor.open(wanted)
        expect(page.url.startsWith(`${hub}/web/mfa`), `landed on ${page.url}`)
        const state = stateOf(page.url)
        const { options, ceremony } = await post<Begun>('/web/mfa/begin', { state, level: 'webauthn' })
        const finish = { state, ceremony, response: passkey.get(options) }
        const { location } = await post<{ location: string }>('/web/mfa/finish', finish)
        const vault = await visitor.open(location)
        expect(vault.status === 200 && vault.url === wanted, `status ${vault.status} at ${vault.url}`)
        expect(vault.text.includes(name), 'the page does not greet them')
      },
    },
  ]
}
