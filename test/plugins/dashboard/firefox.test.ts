// together: dashboard
/** Sign-in, launcher and administration in Firefox. */
import t from 'tap'
import { hasFirefox, openFirefox } from '../../e2e/open-firefox.ts'
import { dashboard, hub } from './browser.ts'

t.test(
  'Firefox signs in, finds an application, opens it, and administers',
  { skip: hasFirefox() ? false : 'firefox-esr is not installed' },
  async (t) => {
    const firefox = await openFirefox(t)
    dashboard.issuer.person = { email_verified: true, ...dashboard.claimsOf('dana@northwind.example') }
    await firefox.goto(`${hub.signInUrl}/web/login?connector=sso`)
    await firefox.waitFor(`location.pathname === '/' && document.querySelector('.card.app a')`)
    t.match(await firefox.evaluate('document.querySelector(".menu strong").textContent'), 'dana')
    t.match(await firefox.evaluate('document.querySelector("main").innerText'), 'Grafana')

    await firefox.goto(`${hub.url}/web/admin`)
    await firefox.waitFor(`document.querySelector('.plot canvas')`)
    await firefox.click('.sidebar a[href$="/apps"]')
    await firefox.waitFor(`document.querySelector('tbody .app-link')`)
    t.match(await firefox.evaluate('document.querySelector("tbody").innerText'), 'wiki')
    t.ok(await firefox.evaluate('document.documentElement.scrollWidth <= innerWidth'))

    await firefox.goto(`${hub.appUrl('wiki')}/`)
    await firefox.waitFor(`document.querySelector('h1')?.textContent === 'Hello'`)
  },
)
