import { createHash, randomBytes } from 'node:crypto'
import type { AdminClient, FakeIssuer, TestHub, Visitor } from '@mezite/core/testing'
import type { Page } from 'playwright-core'
import { HOSTILE, type Shot } from './hub-pages.ts'

export const OLGA = 'olga@northwind.example'

const REDIRECT = 'http://127.0.0.1:4711/callback'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

async function send(hub: TestHub, path: string, body: object | URLSearchParams) {
  const form = body instanceof URLSearchParams
  const { text, status } = await hub.visitor().fetch(hub.signInUrl + path, {
    method: 'POST',
    headers: { 'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json' },
    body: form ? body.toString() : JSON.stringify(body),
  })
  if (status >= 400) throw new Error(`${path}: ${status} ${text}`)
  return JSON.parse(text) as Readonly<Record<string, string>>
}

/** Resolves to the client ID of a new program. */
export async function register(hub: TestHub, client_name: string): Promise<string> {
  const metadata = { client_name, redirect_uris: [REDIRECT], grant_types: ['authorization_code', DEVICE] }
  return (await send(hub, '/v1/oauth/register', metadata)).client_id ?? ''
}

/** Where a program sends the browser; `prompt` makes the page appear again. */
function authorization(
  hub: TestHub,
  client_id: string,
  apps: readonly string[],
  more: Readonly<Record<string, string>> = {},
): string {
  const challenge = createHash('sha256').update(randomBytes(32)).digest('base64url')
  const query = new URLSearchParams({
    client_id,
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'app',
    prompt: 'consent',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...more,
  })
  for (const name of apps) query.append('resource', `${hub.appUrl(name)}/`)
  return `${hub.signInUrl}/v1/oauth/authorize?${query}`
}

/** Lets a new program into an app, as a person who has signed in. */
export async function letIn(hub: TestHub, visitor: Visitor, name: string, app: string): Promise<void> {
  const page = await visitor.open(authorization(hub, await register(hub, name), [app]))
  const done = await visitor.submit(page, /\/web\/oauth\//, { decision: 'allow' })
  if (done.status !== 200) throw new Error(`${done.status} ${done.text}`)
}

/** The pages on which a person lets programs in, and sees and ends them. The hub needs the plugin, with registration. */
export async function openProgramPages(hub: TestHub, api: AdminClient, issuer: FakeIssuer): Promise<Shot[]> {
  const { signInUrl } = hub
  await api('PUT', '/roles/olga', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'olga' },
    spec: { allow: { app_labels: { env: 'prod' } } },
  })
  await api('POST', '/users', { name: OLGA, roles: ['olga'] })
  issuer.person = { sub: OLGA, email: OLGA, email_verified: true, groups: [] }
  const [program, hostile] = [await register(hub, 'Photo frame'), await register(hub, HOSTILE)]
  const authorize = (...args: Parameters<typeof authorization> extends [unknown, ...infer R] ? R : never) =>
    authorization(hub, ...args)
  const press = async (page: Page, name: string) => {
    await page.getByRole('button', { name, exact: true }).click()
    await page.waitForLoadState()
  }
  const device = (name: string, ...presses: readonly string[]): Shot => ({
    name,
    async open(page) {
      const asked = { client_id: program, scope: 'app', resource: `${hub.appUrl('grafana')}/` }
      const started = await send(hub, '/v1/oauth/device_authorization', new URLSearchParams(asked))
      const { verification_uri_complete: url = '' } = started
      await page.goto(url)
      for (const one of presses) await press(page, one)
    },
  })
  const goto = (name: string, url: string): Shot => ({ name, open: (page) => page.goto(url) })

  return [
    goto('program-consent', authorize(program, ['grafana'])),
    goto('program-consent-hostile', authorize(hostile, ['grafana', 'payroll'], { scope: 'openid app' })),
    goto('program-error', authorize(program, ['grafana'], { redirect_uri: 'https://evil.example/' })),
    {
      name: 'program-error-details',
      async open(page) {
        await page.goto(authorize('no-such-program', ['grafana']))
        await page.locator('main summary').click()
      },
    },
    goto('program-device', `${signInUrl}/v1/oauth/device`),
    {
      name: 'program-device-wrong',
      async open(page) {
        await page.goto(`${signInUrl}/v1/oauth/device?user_code=BBBB-BBBB`)
        await press(page, 'Continue')
        await page.getByRole('alert').waitFor()
      },
    },
    device('program-device-confirm', 'Continue'),
    {
      name: 'program-device-done',
      async open(page) {
        await device('', 'Continue', 'Continue').open(page)
        // A person who has let the program in is not asked again.
        if (await page.getByRole('button', { name: 'Allow', exact: true }).count()) await press(page, 'Allow')
        await page.getByText('Your device is connected').waitFor()
      },
    },
    goto('program-account', `${signInUrl}/web/account`),
  ]
}
