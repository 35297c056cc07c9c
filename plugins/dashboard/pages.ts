import { html, type Pages, type Subject, type WebRoutes } from '@mezite/core'

type HomeView = Parameters<NonNullable<WebRoutes['home']>>[1]

type Page = Parameters<Pages['render']>[0]

/** The launcher. Its script lists the apps; without script it is a plain list of links. */
export function launcherPage({ user, roles, apps, links, locked }: HomeView): Page {
  const data = JSON.stringify({ user, roles })
  return {
    title: 'Your applications',
    width: 'wide',
    current: '/',
    user: { name: user, roles },
    body: html`<div id="launcher" data-view=${data}></div>
      <noscript>
        <h1>Your applications</h1>
        ${locked === null ? null : html`<p>Your access is locked. ${locked}</p>`}
        ${apps.length === 0 ? html`<p>You have no applications yet. Ask your administrator for access.</p>` : null}
        <ul>
          ${apps.map(({ name, url }) => html`<li>${url === null ? html`${name}: <code>msh app login ${name}</code>` : html`<a href=${url}>${name}</a>`}</li>`)}
        </ul>
        <p>${links.map(({ title, href }) => html`<a href=${href}>${title}</a> `)}</p>
        <form method="post" action="/web/logout"><button>Sign out</button></form>
      </noscript>`,
  }
}

/** The administration, which is its script. */
export function adminPage({ user, roles }: Subject): Page {
  return {
    title: 'Administration',
    width: 'wide',
    current: '/web/admin',
    user: { name: user, roles },
    body: html`<div id="admin" data-view=${JSON.stringify({ user, roles })}></div>
      <noscript><p>The administration needs JavaScript. <code>mezctl</code> does the same in a terminal.</p></noscript>`,
  }
}
