import { html } from '../../api/pages.ts'
import { drawings } from './drawings.ts'

export const icon = (name: keyof typeof drawings) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${drawings[name]} /></svg>`

/** The hub's mark: an arch within an arch. */
export const MARK = 'M4 20V10.5a8 8 0 0 1 16 0V20M9.25 20v-8.5a2.75 2.75 0 0 1 5.5 0V20M2.5 20h19'

/** Has its own size, because a page may be shown before its stylesheet. */
export const mark =
  () => html`<svg width="28" height="28" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.1" stroke-linecap="round" aria-hidden="true">
  <path d=${MARK} /></svg>`
