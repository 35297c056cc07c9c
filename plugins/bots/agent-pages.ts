import { html, type Pages } from '@mezite/core'
import type { Texts } from './agent-texts.ts'
import type { NewAgent, ShownSecret } from './agents.ts'
import { USER_PREFIX } from './bot-resource.ts'
import type { StoredBot } from './bots.ts'

type Body = Parameters<Pages['render']>[0]['body']

export const PATH = '/web/agents'
/** Fields of the form about roles begin with this. */
export const ROLE = 'role.'

/** A time that the reader's browser shows in its own zone. */
function time(at: number) {
  const text = new Date(at).toISOString()
  return html`<time datetime=${text}>${`${text.slice(0, 16).replace('T', ' ')} UTC`}</time>`
}

/** The section of "My account". */
export function accountSection(words: Texts, agents: readonly StoredBot[]): Body {
  return html`<section class="card" id="agents">
    <div class="row"><h2>${words.title}</h2><a class="button plain" href=${`${PATH}/new`}>${words.add}</a></div>
    <p class="quiet small">${words.about}</p>
    ${agents.length === 0 ? html`<p class="quiet">${words.none}</p>` : null}
    <ul class="list">${agents.map((bot) => row(words, bot))}</ul>
  </section>`
}

function row(words: Texts, { name, document, agent, secret }: StoredBot) {
  const { description } = document.metadata
  const used = secret?.used ?? null
  const isWaiting = agent?.holder == null
  const confirm = (path: string, text: string, label: string, how: string) =>
    html`<details class="confirm">
      <summary class=${how} aria-label=${label}>${path === 'remove' ? words.remove : words.renew}</summary>
      <div>
        <p>${text}</p>
        <form method="post" action=${`${PATH}/${name}/${path}`}><button class=${`${how.replace('plain', '')} small`.trim()}>${label}</button></form>
      </div>
    </details>`
  return html`<li data-agent=${name}><div>
      <h3>${name}</h3>
      <p class="quiet">${description === undefined ? null : html`${description}<br />`}${words.roles}: ${document.spec.roles.join(', ')}
        ${isWaiting ? html`<br />${words.waiting}` : null}
        ${agent?.consented == null ? null : html`<br /><span class="quiet small">${words.since} ${time(agent.consented)}</span>`}
        ${isWaiting || secret === null ? null : html`<br /><span class="quiet small">${used === null ? words.never : html`${words.secretUsed} ${time(used)}`}</span>`}
      </p>
    </div>
    <div class="tools">
      ${isWaiting ? html`<a class="button small" href=${`${PATH}/${name}`}>${words.look(name)}</a>` : null}
      ${agent?.own ? confirm('secret', words.renewText(name), words.renewNamed(name), 'plain') : null}
      ${isWaiting ? null : confirm('remove', words.removeText(name), words.removeNamed(name), 'danger plain')}
    </div></li>`
}

/** The form that makes one. */
export function addForm(words: Texts, roles: readonly string[], given: NewAgent): Body {
  const { form } = words
  const chosen = given.roles.length === 0 ? roles : given.roles
  return html`<div class="card">
    <h1>${words.add}</h1>
    <p>${form.text}</p>
    ${
      roles.length === 0
        ? html`<p>${form.noRoles}</p><div class="actions"><a class="button" href="/web/account#agents">${words.title}</a></div>`
        : html`<form method="post" action=${PATH}>
      <label for="agent-name">${form.name}</label>
      <input id="agent-name" name="name" required maxlength="40" pattern="[a-z]([a-z0-9\\-]*[a-z0-9])?" autocomplete="off" aria-describedby="agent-name-help" value=${given.name} />
      <p class="quiet small" id="agent-name-help">${form.nameHelp}</p>
      <fieldset><legend>${form.roles}</legend>
        ${roles.map((role) => html`<label><input type="checkbox" name=${ROLE + role} checked=${chosen.includes(role)} /> ${role}</label>`)}
      </fieldset>
      <p class="quiet small">${form.rolesHelp}</p>
      <p class="quiet small">${form.passkey}</p>
      <div class="actions"><button>${form.submit}</button></div>
    </form>`
    }
  </div>`
}

/** What the person is asked to agree to. `seen` goes back with the answer. */
export function consentForm(words: Texts, { name, document, secret }: StoredBot, seen: string): Body {
  const { ask, form } = words
  const { roles, allow_from: from, keys = [], trust = [] } = document.spec
  const { description } = document.metadata
  const proofs = [
    ...(keys.length === 0 ? [] : [ask.keys(keys.length)]),
    ...trust.map(({ issuer, claims }) =>
      ask.issuer(
        issuer,
        Object.entries(claims)
          .map(([claim, value]) => `${claim}=${value}`)
          .join(', '),
      ),
    ),
    ...(secret === null ? [] : [ask.secret]),
  ]
  return html`<div class="card" data-agent=${name}>
    <h1>${ask.title(name)}</h1>
    ${description === undefined ? null : html`<p>${description}</p>`}
    <p>${ask.text}</p>
    <p>${words.roles}: <strong>${roles.join(', ') || '—'}</strong></p>
    <p>${ask.proofs}: <strong>${proofs.join('; ') || '—'}</strong></p>
    <p>${ask.from}: <strong>${from?.join(', ') ?? ask.anywhere}</strong></p>
    ${proofs.length === 0 ? html`<p>${ask.nothing}</p>` : null}
    <p class="quiet small">${form.passkey}</p>
    <form method="post" action=${`${PATH}/${name}/consent`}>
      <input type="hidden" name="seen" value=${seen} />
      <div class="actions"><button>${ask.submit}</button><a class="button plain" href="/web/account#agents">${ask.back}</a></div>
    </form>
  </div>`
}

/** A secret, which nobody sees again. */
export function secretPage(words: Texts, { name, secret }: ShownSecret): Body {
  const { shown } = words
  return html`<div class="card">
    <h1>${shown.title(name)}</h1>
    <p>${shown.once}</p>
    <p>${shown.client}: <code data-copy>${USER_PREFIX + name}</code></p>
    <p>${shown.secret}: <code data-copy>${secret}</code></p>
    <div class="actions"><a class="button" href="/web/account#agents">${shown.done}</a></div>
  </div>`
}
