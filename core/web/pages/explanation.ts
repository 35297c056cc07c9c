import type { Explanation } from '../../api/explanations.ts'
import { html } from '../../api/pages.ts'
import type { Texts } from './texts/texts.ts'

/** The votes about a person and an app, for administrators; the same as `mezctl access explain`. */
export function explanationBody(words: Texts['explanation'], found: Explanation, user: string, app: string) {
  const { votes, requirements, lock, connector } = found
  return html`<section class="card" aria-labelledby="why">
    <h2 id="why">${words.title}</h2>
    <p class="quiet small">${words.onlyYou}</p>
    <ul class="list">
      ${lock === null ? null : html`<li><div><h3>${words.lock}</h3><p>${lock.message ?? Object.values(lock.target)[0]}</p></div><span class="tag bad">${words.denies}</span></li>`}
      ${
        connector === null || connector.met
          ? null
          : html`<li><div><h3>${words.connector}</h3><p>${words.connectorText(connector.required, connector.signed_in_with)}</p></div><span class="tag warn">${words.missing}</span></li>`
      }
      ${votes.length === 0 ? html`<li><p>${words.noVotes}</p></li>` : votes.map((vote) => voteLine(words, vote))}
      ${requirements
        .filter(({ name }) => name !== 'connector')
        .map(
          ({ name, met }) =>
            html`<li><div><h3>${words.requirement}</h3><p><code>${name}</code></p></div><span class=${met ? 'tag good' : 'tag warn'}>${met ? words.met : words.missing}</span></li>`,
        )}
    </ul>
    <p class="reference">${words.sameAs}<br /><code data-copy>${`mezctl access explain --user ${quoted(user)} --app ${app}`}</code></p>
  </section>`
}

function voteLine(
  words: Texts['explanation'],
  { plugin, role, effect, matcher, label, value }: Explanation['votes'][number],
) {
  const [tone, text] =
    effect === 'deny'
      ? ['bad', words.denies]
      : effect === 'allow'
        ? ['good', words.allows]
        : ['', label === null ? words.noEffect : words.noMatch]
  // A rule is "allow KEY=VALUE": the page of the role opens at that line.
  const side = matcher?.split(' ', 1)[0]
  const at = label === null ? '' : `?at=${encodeURIComponent(`${side}.app_labels.${label}`)}`
  return html`<li>
    <div>
      <h3>${role === null ? plugin : html`<a href=${`/web/admin/roles/${encodeURIComponent(role)}${at}`}>${role}</a>`}</h3>
      <p>
        ${matcher === null ? null : html`<code>${matcher}</code>`}
        ${label === null ? null : html` <span class="quiet">${words.appHas(label, value)}</span>`}
      </p>
      ${role === null ? null : html`<p class="quiet">${words.by(plugin)}</p>`}
    </div>
    <span class=${`tag ${tone}`}>${text}</span>
  </li>`
}

/** As one word of a shell. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
