import { html } from '../../api/pages.ts'

/** Paths of a 24 by 24 grid, drawn as lines; the hub's own drawings. */
export const icons = {
  apps: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
  check: 'M5 13l4 4L19 7',
  clock: 'M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M12 7v5l3.5 2',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  device: 'M4 5h16v11H4zM9 20h6M12 16v4',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  passkey:
    'M9 4a4 4 0 1 0 0 8a4 4 0 0 0 0-8M2.5 20c0-3.6 2.9-6 6.5-6c1.2 0 2.3.3 3.3.7M17 10.5a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 0 0 0-5.5M17 16v5l1.6-1.4',
  refused: 'M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M5.7 5.7l12.6 12.6',
  sign_in: 'M11 4h8v16h-8M3.5 12H14M10.5 8.5L14 12l-3.5 3.5',
  sign_out: 'M13 4H5v16h8M10 12h10.5M17 8.5l3.5 3.5l-3.5 3.5',
  terminal: 'M3 5h18v14H3zM7 9.5l3 2.5l-3 2.5M12.5 15H17',
  user: 'M12 4a4 4 0 1 0 0 8a4 4 0 0 0 0-8M4.5 20.5c.4-3.8 3.5-6 7.5-6s7.1 2.2 7.5 6',
  warning: 'M12 4L2.5 20h19zM12 10v4.5M12 17.2v.1',
} as const

export type IconName = keyof typeof icons

export const icon = (name: IconName) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${icons[name]} /></svg>`

/** The hub's mark: an arch within an arch. */
export const MARK = 'M4 20V10.5a8 8 0 0 1 16 0V20M9.25 20v-8.5a2.75 2.75 0 0 1 5.5 0V20M2.5 20h19'

/** Has its own size, because a page may be shown before its stylesheet. */
export const mark =
  () => html`<svg width="28" height="28" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.1" stroke-linecap="round" aria-hidden="true">
  <path d=${MARK} /></svg>`
