import { html, type Pages } from '@mezite/core'
import { PAGES } from './messages.ts'
import { BREAK_GLASS_MS, type Offer } from './rules.ts'
import { type Language, showDuration, texts } from './texts.ts'

export type Body = Parameters<Pages['render']>[0]['body']

/** Durations that forms offer, where the rule allows them. */
const CHOICES_MS = [
  15 * 60_000,
  3_600_000,
  2 * 3_600_000,
  4 * 3_600_000,
  8 * 3_600_000,
  86_400_000,
  7 * 86_400_000,
]

const choices = (maxMs: number) => {
  const fitting = CHOICES_MS.filter((ms) => ms < maxMs)
  return [...fitting, maxMs]
}
export const durations = ({ id, maxMs, chosen = maxMs }: { id: string; maxMs: number; chosen?: number }) =>
  html`<select id=${id} name="for">${choices(maxMs).map((ms) => html`<option value=${showDuration(ms)} selected=${ms === chosen}>${showDuration(ms)}</option>`)}</select>`
/** Times for several requests at once, the longest of which was asked for `maxMs`: none, or at most one. */
export const atMost = ({ id, maxMs, asked }: { id: string; maxMs: number; asked: string }) =>
  html`<select id=${id} name="for"><option value="" selected>${asked}</option>${CHOICES_MS.filter((ms) => ms < maxMs).map((ms) => html`<option value=${showDuration(ms)}>${showDuration(ms)}</option>`)}</select>`
/** A time that the reader's browser shows in its own zone. */
export function time(at: number) {
  const text = new Date(at).toISOString()
  return html`<time datetime=${text}>${`${text.slice(0, 16).replace('T', ' ')} UTC`}</time>`
}
export const hidden = (name: string, value: string | undefined) =>
  value === undefined ? null : html`<input type="hidden" name=${name} value=${value} />`

/** The form that asks. */
export function form(
  language: Language,
  ask: {
    readonly app?: string
    readonly role?: string
    readonly path?: string
    readonly offers: readonly Offer[]
    /** The reason that was written before the passkey was asked for. */
    readonly emergencyReason?: string
  },
): Body {
  const { form: words } = texts[language]
  const maxMs = Math.max(...ask.offers.map((one) => one.maxMs))
  const required = ask.offers.every(({ reasonRequired }) => reasonRequired)
  const target = [hidden('app', ask.app), hidden('role', ask.role), hidden('path', ask.path)]
  const preferred = choices(maxMs).findLast((ms) => ms <= 3_600_000) ?? maxMs
  const emergency = ask.offers.some(({ breakGlass }) => breakGlass)
  return html`<form method="post" action=${PAGES}>
      ${target}
      <label for="request-for">${words.duration}</label>
      ${durations({ id: 'request-for', maxMs, chosen: preferred })}
      <label for="request-reason">${required ? words.reason : words.optional}</label>
      <textarea id="request-reason" name="reason" rows="2" maxlength="500" required=${required}></textarea>
      <div class="actions"><button>${words.submit}</button></div>
    </form>
    ${
      emergency
        ? html`<details class="emergency" open=${ask.emergencyReason !== undefined}>
          <summary>${words.breakGlass}</summary>
          <form method="post" action=${PAGES}>
            ${target}${hidden('break_glass', '1')}
            <p class="note warn">${words.breakGlassText}</p>
            <label for="emergency-for">${words.duration}</label>
            ${durations({ id: 'emergency-for', maxMs: Math.min(BREAK_GLASS_MS, maxMs) })}
            <label for="emergency-reason">${words.reason}</label>
            <textarea id="emergency-reason" name="reason" rows="2" maxlength="500" required>${ask.emergencyReason ?? ''}</textarea>
            <div class="actions"><button class="danger">${words.breakGlass}</button></div>
          </form>
        </details>`
        : null
    }`
}
