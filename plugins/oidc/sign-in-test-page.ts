import { html, type Pages } from '@mezite/core'
import type { Claims } from './claim-mapping.ts'

const MOST_CLAIMS = 200
const LONGEST_CLAIM = 1_000

/** The effect of a sign-in with these claims. */
export interface TestResult {
  readonly claims: Claims
  /** Null if the claims give no name; `problem` then says why. */
  readonly name: string | null
  readonly problem: string | null
  /** The name belongs to another identity. */
  readonly taken: boolean
  readonly roles: readonly string[]
  readonly ownRoles: readonly string[]
  readonly rules: readonly {
    readonly claim: string
    readonly value: string
    readonly roles: readonly string[]
    readonly matches: boolean
  }[]
  /** Claims that give no role because of their type. */
  readonly unreadable: readonly string[]
  /** A rule for the claim `email` gave no role. */
  readonly unverified: boolean
}

/** Why the sign-in failed. */
export interface TestFailure {
  readonly reason: string
  /** Null for an unexpected error. */
  readonly message: string | null
  readonly details: string
}

const en = {
  title: 'Test of a sign-in',
  intro: (connector: string) =>
    `This is what the identity provider of "${connector}" says. Nobody was signed in, and nothing was stored.`,
  failed: 'The sign-in failed',
  unexpected: 'The sign-in failed for a reason that the hub does not know.',
  reason: 'Reason code',
  details: 'Details',
  name: 'User name',
  roles: 'Roles from claims',
  ownRoles: 'Roles given by hand',
  none: 'none',
  rules: 'Rules',
  claims: 'Claims',
  gives: 'Gives the roles',
  matches: 'Matches',
  differs: 'Does not match',
  again: 'Test again',
  another: 'Test with another account',
  taken: (name: string) =>
    `The user name "${name}" belongs to another person, so this sign-in would be refused. "mezctl users relink" gives the name away.`,
  unreadable: (claims: string) => `These claims give no role, because they are not strings: ${claims}.`,
  unverified: 'The e-mail address is not verified, so the claim "email" gives no role.',
}

const texts: Readonly<Record<'en' | 'de', typeof en>> = {
  en,
  de: {
    title: 'Test einer Anmeldung',
    intro: (connector) =>
      `Das sagt der Identitätsanbieter von „${connector}“. Niemand wurde angemeldet, und nichts wurde gespeichert.`,
    failed: 'Die Anmeldung ist fehlgeschlagen',
    unexpected: 'Die Anmeldung ist aus einem unbekannten Grund fehlgeschlagen.',
    reason: 'Code des Grundes',
    details: 'Einzelheiten',
    name: 'Benutzername',
    roles: 'Rollen aus Claims',
    ownRoles: 'Von Hand vergebene Rollen',
    none: 'keine',
    rules: 'Regeln',
    claims: 'Claims',
    gives: 'Gibt die Rollen',
    matches: 'Trifft zu',
    differs: 'Trifft nicht zu',
    again: 'Noch einmal testen',
    another: 'Mit einem anderen Konto testen',
    taken: (name) =>
      `Der Benutzername „${name}“ gehört jemand anderem, deshalb würde diese Anmeldung abgelehnt. „mezctl users relink“ gibt ihn frei.`,
    unreadable: (claims) => `Diese Claims geben keine Rolle, weil sie keine Texte sind: ${claims}.`,
    unverified: 'Die E-Mail-Adresse ist nicht bestätigt, deshalb gibt der Claim „email“ keine Rolle.',
  },
}

/** The page with the result of a test, for the administrator who ran it. */
export function testPage(
  pages: Pages,
  input: {
    readonly connector: string
    /** Of the test, to repeat it. */
    readonly path: string
    readonly user: { readonly name: string; readonly roles: readonly string[] }
    readonly acceptLanguage: string | undefined
    readonly outcome: TestResult | TestFailure
  },
): string {
  const { connector, path, user, acceptLanguage, outcome } = input
  const language = pages.languageOf(acceptLanguage)
  const words = texts[language]
  const actions = html`<div class="actions">
    <a class="button" href=${path}>${words.again}</a>
    <a class="button plain" href=${`${path}?another=1`}>${words.another}</a>
  </div>`
  const body =
    'reason' in outcome
      ? html`<div class="card">
          <h1>${words.failed}</h1>
          <p>${outcome.message ?? words.unexpected}</p>
          <dl class="facts">
            <dt>${words.reason}</dt><dd><code>${outcome.reason}</code></dd>
            <dt>${words.details}</dt><dd>${outcome.details}</dd>
          </dl>
          ${actions}
        </div>`
      : html`<div class="card">
          <h1>${words.title}</h1>
          <p>${words.intro(connector)}</p>
          ${remarksOf(words, outcome).map((remark) => html`<p class="note warn">${remark}</p>`)}
          <dl class="facts">
            <dt>${words.name}</dt><dd>${outcome.name ?? '–'}</dd>
            <dt>${words.roles}</dt><dd>${outcome.roles.join(', ') || words.none}</dd>
            <dt>${words.ownRoles}</dt><dd>${outcome.ownRoles.join(', ') || words.none}</dd>
          </dl>
          ${actions}
          <h2>${words.rules}</h2>
          <ul class="list">${outcome.rules.map(
            ({ claim, value, roles, matches }) => html`<li>
              <div><h3>${`${claim} = ${value}`}</h3><p class="quiet">${`${words.gives}: ${roles.join(', ')}`}</p></div>
              <span class=${matches ? 'tag good' : 'tag'}>${matches ? words.matches : words.differs}</span>
            </li>`,
          )}</ul>
          <h2>${words.claims}</h2>
          <dl class="facts">${Object.entries(outcome.claims)
            .slice(0, MOST_CLAIMS)
            .map(([claim, value]) => html`<dt>${claim}</dt><dd><code>${shown(value)}</code></dd>`)}</dl>
        </div>`
  return pages.render({ title: words.title, width: 'column', user, language, body })
}

function remarksOf(words: typeof en, { problem, taken, name, unreadable, unverified }: TestResult): string[] {
  return [
    problem,
    taken && name !== null ? words.taken(name) : null,
    unreadable.length > 0 ? words.unreadable(unreadable.join(', ')) : null,
    unverified ? words.unverified : null,
  ].filter((remark) => remark !== null)
}

/** A claim as JSON, strings without quotes. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.length > LONGEST_CLAIM ? `${text.slice(0, LONGEST_CLAIM)}…` : text
}
