// together: dashboard
/** What the page of an application can do to the hub with the cookies of its visitor: nothing. */
import t from 'tap'
import { api, dashboard, hub, openTab } from './browser.ts'

/** What the functions that run in the page see. */
declare class EventSource {
  constructor(url: string, options: object)
  onmessage: unknown
  onopen: unknown
  onerror: unknown
}
declare const document: {
  createElement(name: string): Record<string, unknown> & { onload: unknown; remove(): void }
  body: { append(element: unknown): void }
}
declare function open(url: string): { document: unknown; location: { href: string }; close(): void } | null

const secrets = ['x-mezite-csrf', 'roles', 'dana@northwind.example']

t.test('142 a sibling origin cannot read or change anything, whatever it sends', async (t) => {
  const { page } = await openTab(t)
  await page.goto(`${hub.appUrl('wiki')}/`)
  t.equal(new URL(page.url()).origin, hub.appUrl('wiki'), 'signed in, on the host of an app')
  const before = JSON.stringify(await api('GET', '/roles'))
  const base = `${hub.url}/v1/webapi`
  const send = (url: string, init: object) =>
    page.evaluate(
      ([target, options]) =>
        fetch(target, { credentials: 'include', ...options }).then(
          async (response) => `${response.type} ${response.status} ${await response.text()}`,
          (error: Error) => error.name,
        ),
      [url, init] as const,
    )

  for (const path of ['/me', '/me/apps', '/apps', '/audit', '/audit/tail', '/users', '/events'])
    t.equal(await send(base + path, {}), 'TypeError', `${path} is not readable`)
  const lock = JSON.stringify({ target: { user: 'carol@northwind.example' } })
  const json = { 'content-type': 'application/json' }
  for (const init of [
    { method: 'POST', body: lock, headers: json },
    { method: 'POST', body: lock, headers: { 'content-type': 'text/plain' } },
    { method: 'POST', body: lock, headers: { ...json, 'x-mezite-csrf': 'a'.repeat(43) } },
    { method: 'POST', body: lock, headers: json, mode: 'no-cors' },
    { method: 'POST', body: lock, mode: 'no-cors' },
    {
      method: 'POST',
      body: new URLSearchParams({ target: 'x' }).toString(),
      mode: 'no-cors',
      referrerPolicy: 'no-referrer',
    },
  ]) {
    const answer = await send(`${base}/locks`, init)
    t.match(answer, /^(TypeError|opaque 0 )$/, JSON.stringify(init))
  }
  for (const [method, path] of [
    ['DELETE', '/apps/wiki'],
    ['PUT', '/roles/everyone'],
    ['PATCH', '/users/carol@northwind.example'],
  ])
    t.equal(await send(base + path, { method, headers: json, body: '{}' }), 'TypeError', `${method} ${path}`)
  for (const path of ['/web/logout', '/web/sessions/end-others'])
    t.match(await send(hub.url + path, { method: 'POST', mode: 'no-cors' }), /TypeError|opaque/, path)

  t.equal(
    await page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const stream = new EventSource(url, { withCredentials: true })
          stream.onmessage = stream.onopen = () => resolve('open')
          stream.onerror = () => resolve('refused')
        }),
      `${base}/events`,
    ),
    'refused',
    'the event stream',
  )
  t.equal(
    await page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const script = document.createElement('script')
          Object.assign(script, { src: url, onload: () => resolve('run'), onerror: () => resolve('refused') })
          document.body.append(script)
        }),
      `${base}/me`,
    ),
    'refused',
    'a document as a script',
  )
  const frames = await page.evaluate(
    (url) =>
      new Promise<string>((resolve) => {
        const frame = document.createElement('iframe')
        frame.onload = () => {
          let text = 'closed'
          try {
            text = String(
              (frame.contentDocument as { body: { innerHTML: string } } | null)?.body.innerHTML ?? 'closed',
            )
          } catch {}
          resolve(text)
        }
        Object.assign(frame, { src: `${url}/web/admin` })
        document.body.append(frame)
      }),
    hub.url,
  )
  t.equal(frames, 'closed', '153 the administration in a frame')
  for (const secret of secrets) t.notMatch(frames, secret)

  t.strictSame(await api('GET', '/locks?all=1').catch(() => api('GET', '/locks')), await api('GET', '/locks'))
  const locks = await api<{ target: object }[]>('GET', '/locks')
  t.notMatch(JSON.stringify(locks), 'carol')
  t.equal(JSON.stringify(await api('GET', '/roles')), before)
  t.equal((await page.goto(`${hub.url}/`))?.status(), 200)
  await page.getByRole('heading', { name: 'Applications' }).waitFor()
  t.ok(dashboard)
})

t.test('142 a form of a sibling origin, and requests that name no origin, are refused', async (t) => {
  const dana = await dashboard.visitor(dashboard.claimsOf('dana@northwind.example'))
  const body = '{"target":{"user":"carol@northwind.example"}}'
  const { headers } = await dana.fetch(`${hub.url}/v1/webapi/me`)
  const token = String(headers['x-mezite-csrf'])
  t.match(token, /^[\w-]{20,}/)
  for (const [title, more] of Object.entries({
    sibling: { origin: hub.appUrl('wiki'), 'sec-fetch-site': 'same-site', 'x-mezite-csrf': token },
    'sibling without a token': { origin: hub.appUrl('wiki'), 'sec-fetch-site': 'same-site' },
    null: { origin: 'null', 'sec-fetch-site': 'cross-site', 'x-mezite-csrf': token },
    'no token': { origin: hub.url, 'sec-fetch-site': 'same-origin' },
    'no origin, no token': {},
  })) {
    const { status, text } = await dana.fetch(`${hub.url}/v1/webapi/locks`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...(more as Record<string, string>) },
    })
    t.equal(status, 403, title)
    t.match(text, /csrf|origin/, title)
  }
})
