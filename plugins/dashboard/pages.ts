import { html, type Pages, type Subject, type WebRoutes } from '@mezite/core'

type HomeView = Parameters<NonNullable<WebRoutes['home']>>[1]

type Page = Parameters<Pages['render']>[0]

type Language = NonNullable<Page['language']>

/** What these pages say before their scripts run, and without them. */
const texts = {
  en: {
    launcher: 'Your applications',
    locked: 'Your access is locked.',
    none: 'You have no applications yet. Ask your administrator for access.',
    signOut: 'Sign out',
    administration: 'Administration',
    needsScript: 'The administration needs JavaScript. The same in a terminal:',
  },
  de: {
    launcher: 'Ihre Anwendungen',
    locked: 'Ihr Zugriff ist gesperrt.',
    none: 'Sie haben noch keine Anwendungen. Bitten Sie Ihre Administration um Zugriff.',
    signOut: 'Abmelden',
    administration: 'Verwaltung',
    needsScript: 'Die Verwaltung braucht JavaScript. Dasselbe im Terminal:',
  },
} as const

/** The launcher. Its script lists the apps; without script it is a plain list of links. */
export function launcherPage({ user, roles, apps, links, locked }: HomeView, language: Language): Page {
  const data = JSON.stringify({ user, roles })
  const words = texts[language]
  return {
    title: words.launcher,
    width: 'wide',
    current: '/',
    language,
    user: { name: user, roles },
    body: html`<div id="launcher" data-view=${data}></div>
      <noscript>
        <h1>${words.launcher}</h1>
        ${locked === null ? null : html`<p>${words.locked} ${locked}</p>`}
        ${apps.length === 0 ? html`<p>${words.none}</p>` : null}
        <ul>
          ${apps.map(({ name, url }) => html`<li>${url === null ? html`${name}: <code>msh app login ${name}</code>` : html`<a href=${url}>${name}</a>`}</li>`)}
        </ul>
        <p>${links.map(({ title, href }) => html`<a href=${href}>${title}</a> `)}</p>
        <form method="post" action="/web/logout"><button>${words.signOut}</button></form>
      </noscript>`,
  }
}

/** The administration, which is its script. */
export function adminPage({ user, roles }: Subject, language: Language): Page {
  const words = texts[language]
  return {
    title: words.administration,
    width: 'wide',
    current: '/web/admin',
    language,
    user: { name: user, roles },
    body: html`<div id="admin" data-user=${user}></div>
      <noscript><p>${words.needsScript} <code>mezctl</code></p></noscript>`,
  }
}
