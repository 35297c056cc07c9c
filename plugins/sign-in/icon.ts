import { html } from '@mezite/core'
import { drawings } from '@mezite/core/drawings'

/** One of the hub's line drawings. */
export const icon = (name: keyof typeof drawings) => picture(drawings[name])

/** A drawing of one path in a square of 24. */
export const picture = (path: string) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`
