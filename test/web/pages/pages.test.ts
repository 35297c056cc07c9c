// together: quick
/** The template of every page: brand, colours, languages, and what may not get into a page. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { html } from '../../../core/api/pages.ts'
import { Problem } from '../../../core/index.ts'
import type { Reasons } from '../../../core/kernel/reason.ts'
import { clientName } from '../../../core/web/desk/client-name.ts'
import { brandTokens } from '../../../core/web/pages/brand-tokens.ts'
import { createErrorPages } from '../../../core/web/pages/error-pages.ts'
import { readLogo } from '../../../core/web/pages/logo.ts'
import { createPages } from '../../../core/web/pages/pages.ts'
import { languageOf } from '../../../core/web/pages/texts/texts.ts'
import { type Person, problemResponse } from '../../../plugins/http-apps/client/response.ts'

const publicNames = { clusterName: 'example', signInOrigin: 'https://hub.example.com' }

t.test('the lines of a chart have different colours, none of which a brand changes', (t) => {
  const source = readFileSync('plugins/dashboard/web/admin/traffic.tsx', 'utf8')
  const tokens = readFileSync('core/web/pages/browser/tokens.css', 'utf8')
  const ofBrand = brandTokens('#146c43') ?? ''
  const charts = source.split('<Chart\n').slice(1)
  t.equal(charts.length, 4)
  for (const chart of charts) {
    const names = [...chart.matchAll(/line\(.*'(--[\w-]+)'/g)].map(([, name]) => name as string)
    const values = names.map((name) => new RegExp(`${name}: (.*);`).exec(tokens)?.[1] ?? t.fail(name))
    t.equal(new Set(values).size, values.length)
    for (const name of names) t.notMatch(ofBrand, `${name}:`)
  }
  t.end()
})

t.test('a brand colour becomes shades that are readable in both themes', (t) => {
  const channel = (part: string) => {
    const value = Number.parseInt(part, 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  const luminance = (hex: string) =>
    0.2126 * channel(hex.slice(1, 3)) + 0.7152 * channel(hex.slice(3, 5)) + 0.0722 * channel(hex.slice(5, 7))
  const contrast = (one: string, other: string) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number]
    return (high + 0.05) / (low + 0.05)
  }
  for (const colour of ['#ffff00', '#000000', '#ffffff', '#0a7d5c', '#7f7f7f', '#ff0000']) {
    const css = brandTokens(colour) ?? ''
    const [, light = '', dark = ''] = /--accent:light-dark\((#\w{6}),(#\w{6})\)/.exec(css) ?? []
    t.ok(contrast(light, '#f6f7f9') >= 4.5, `${colour} on the light ground: ${light}`)
    t.ok(contrast(light, '#ffffff') >= 4.5, `white on ${light}`)
    t.ok(contrast(dark, '#151920') >= 4.5, `${colour} on a dark card: ${dark}`)
  }
  for (const wrong of ['red', '#fff', '#12345g', '#123456}body{}']) t.equal(brandTokens(wrong), null)
  t.end()
})

t.test('a logo is a small image of a known type, and runs nothing', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-logo-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(dir, name), content)
    return join(dir, name)
  }
  const svg = file(
    'a.svg',
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
  )
  t.equal(readLogo(svg).type, 'image/svg+xml')
  t.equal(readLogo(file('a.png', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))).type, 'image/png')
  t.throws(() => readLogo(file('a.html', '<!doctype html><svg></svg>')), /not a PNG, JPEG, WebP or SVG/)
  t.throws(() => readLogo(file('big.png', Buffer.alloc(300_000))), /at most 262144/)
  const pages = createPages({
    publicNames,
    brand: { name: 'N', logo_file: svg },
  })
  t.match(pages.asset(pages.brand.logo ?? '')?.policy, /default-src 'none'.*sandbox/)
  t.equal(pages.asset('../../etc/passwd'), undefined)
  t.end()
})

t.test('a page says in the language of the person what a plugin declared for its reason', (t) => {
  const own: Reasons = {
    closed_today: {
      status: 403,
      title: { en: 'Closed', de: 'Geschlossen' },
      en: 'Come back tomorrow.',
      de: 'Kommen Sie morgen wieder.',
      next: 'The policy closes the application on some days.',
    },
  }
  const pages = createPages({ publicNames, reasonOf: (code) => own[code] })
  const errors = createErrorPages(pages, { hubOrigin: 'https://hub.example.com' })
  const problem = {
    status: 403,
    title: '',
    code: 'closed_today',
    detail: 'Grafana is closed.',
    requestId: 'r',
  }
  t.match(errors('de').error(problem), /Geschlossen[\s\S]*Kommen Sie morgen wieder\./)
  t.match(errors('en').error(problem), /Closed[\s\S]*Grafana is closed\./, 'with the names of the problem')
  const state = { app: 'Grafana', user: 'ann', message: null, state: '', help: [], explanation: null }
  t.match(errors('de').denied(problem, state), /ann darf Grafana nicht öffnen\. Kommen Sie morgen wieder\./)
  const known = errors('en').error({ ...problem, code: 'app_disabled', detail: 'Wiki is switched off.' })
  t.match(known, /This application is switched off[\s\S]*Wiki is switched off\./)
  t.end()
})

t.test(
  'refusals on the host of an application link to the documentation, for people who can read it',
  (t) => {
    const plain = createPages({ publicNames })
    t.equal(plain.explanationOf('agent_none'), null, 'no plugin explains codes')
    const routes = () => [{}, { helpFor: (code: string) => `/web/docs#${code}` }]
    const pages = createPages({ publicNames, routes })
    const address = 'https://hub.example.com/web/docs#agent_none'
    t.equal(pages.explanationOf('agent_none'), address)
    const requester = { mode: 'navigate', requestId: 'id' }
    const problem = new Problem(503, 'agent_none', 'Nobody is there.')
    const refusal = (user: Person) =>
      String(problemResponse(pages, requester as never, problem, [], user).body)
    t.match(refusal({ name: 'ann', roles: [] }), `href="${address}"`)
    t.notMatch(refusal(null), address)
    t.end()
  },
)

t.test('the language of a page follows the browser', (t) => {
  const cases = {
    '': 'en',
    de: 'de',
    'de-AT,de;q=0.9,en;q=0.8': 'de',
    'en-US,en;q=0.9,de;q=0.8': 'en',
    'fr,de;q=0.5': 'de',
    'de;q=0,en': 'en',
    '*': 'en',
    'constructor,__proto__': 'en',
  }
  for (const [header, language] of Object.entries(cases)) t.equal(languageOf(header), language, header)
  t.equal(languageOf(undefined), 'en')
  t.end()
})

t.test('a device is named by known words only, whatever its header contains', (t) => {
  const cases = {
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0': 'Firefox on Linux',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0':
      'Edge on Windows',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1':
      'Safari on iPhone',
    '<img src=x onerror=alert(1)>': null,
    'curl/8.5.0': null,
  }
  for (const [header, name] of Object.entries(cases)) t.equal(clientName(header), name, header)
  t.equal(clientName(undefined), null)
  t.end()
})

t.test('names cannot reverse text, and pages of other hosts include their style', (t) => {
  const pages = createPages({ publicNames })
  const body = html`<p>${'x\u202ey\u2066z'} ${'<b>'}</p>`
  const page = pages.render({ title: 'T', body, user: { name: '<i>', roles: [] } })
  t.match(page, '<p>xyz &lt;b></p>')
  t.match(page, '&lt;i>')
  t.notMatch(page, /<style|style=|onclick=/)
  const elsewhere = pages.render({ title: 'T', body, on: 'elsewhere' })
  t.match(elsewhere, '<style>')
  t.notMatch(elsewhere, /<script|<link rel="stylesheet"/)
  t.match(pages.elsewherePolicy, /style-src 'sha256-[^']+'/)
  t.end()
})
