import { html } from '../../api/pages.ts'

export const icon = (name: keyof typeof drawings) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${drawings[name]} /></svg>`

/** The hub's mark: an arch within an arch. */
export const MARK = 'M4 20V10.5a8 8 0 0 1 16 0V20M9.25 20v-8.5a2.75 2.75 0 0 1 5.5 0V20M2.5 20h19'

/** Has its own size, because a page may be shown before its stylesheet. */
export const mark =
  () => html`<svg width="28" height="28" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.1" stroke-linecap="round" aria-hidden="true">
  <path d=${MARK} /></svg>`

/** Line drawings of a 24 by 24 grid by name, each one path: the hub's own, for its pages and the dashboard's. @internal */
const drawings = {
  chart: 'M4 4v16h16M8 16v-4M12 16V8M16 16v-6',
  pulse: 'M3 12h4l3-8 4 16 3-8h4',
  build:
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M5.6 18.4l2.1-2.1M16.3 7.7l2.1-2.1',
  code: 'M8 7l-5 5 5 5M16 7l5 5-5 5M14 4l-4 16',
  book: 'M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2zM5 18a2 2 0 0 1 2-2h12M9 8h6',
  database:
    'M12 3c4.4 0 8 1.3 8 3s-3.6 3-8 3-8-1.3-8-3 3.6-3 8-3M4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3',
  terminal: 'M4 5h16v14H4zM7 9l3 3-3 3M12 15h5',
  shield: 'M12 3l8 3v6c0 4.5-3.2 7.7-8 9-4.8-1.3-8-4.5-8-9V6zM9 12l2 2 4-4',
  mail: 'M3 6h18v12H3zM3 7l9 6 9-6',
  chat: 'M4 5h16v11H10l-5 4v-4H4z',
  folder: 'M3 6h6l2 2h10v11H3z',
  check: 'M4 4h16v16H4zM8 12l3 3 5-6',
  play: 'M4 5h16v14H4zM10 9l5 3-5 3z',
  globe:
    'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3 12h18M12 3c2.5 2.5 3.5 5.5 3.5 9s-1 6.5-3.5 9c-2.5-2.5-3.5-5.5-3.5-9s1-6.5 3.5-9',
  cloud: 'M7 18a4 4 0 0 1-.5-8A6 6 0 0 1 18 9a4.5 4.5 0 0 1 0 9z',
  server: 'M4 4h16v7H4zM4 13h16v7H4zM8 7.5h.01M8 16.5h.01',
  calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
  money: 'M3 6h18v12H3zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6M6 12h.01M18 12h.01',
  apps: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
  clock: 'M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M12 7v5l3.5 2',
  close: 'M6 6l12 12M18 6L6 18',
  compass: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M15.5 8.5l-2 5-5 2 2-5z',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  device: 'M4 5h16v11H4zM9 20h6M12 16v4',
  grid: 'M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z',
  home: 'M4 11l8-7 8 7v9h-5v-6H9v6H4z',
  key: 'M14.5 4a5.5 5.5 0 1 0-4 9.3L4 20h4v-2h2v-2h2l1.3-1.3A5.5 5.5 0 0 0 14.5 4M15.5 8.5h.01',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  passkey:
    'M9 4a4 4 0 1 0 0 8a4 4 0 0 0 0-8M2.5 20c0-3.6 2.9-6 6.5-6c1.2 0 2.3.3 3.3.7M17 10.5a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 0 0 0-5.5M17 16v5l1.6-1.4',
  people:
    'M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5M16 5.3a3.5 3.5 0 0 1 0 6.4M18 14.8c2 .8 3.2 2.6 3.5 5.2',
  plugin: 'M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0zM12 18v3',
  refused: 'M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M5.7 5.7l12.6 12.6',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M20 20l-4.8-4.8',
  session: 'M4 5h16v11H4zM2 20h20M10 20l.5-4h3l.5 4',
  sign_out: 'M13 4H5v16h8M10 12h10.5M17 8.5l3.5 3.5l-3.5 3.5',
  signin: 'M14 4h6v16h-6M3 12h12M11 8l4 4-4 4',
  ticket: 'M4 7h16v3.5a1.5 1.5 0 0 0 0 3V17H4v-3.5a1.5 1.5 0 0 0 0-3zM13 7v10',
  user: 'M12 4a4 4 0 1 0 0 8a4 4 0 0 0 0-8M4.5 20.5c.4-3.8 3.5-6 7.5-6s7.1 2.2 7.5 6',
  warning: 'M12 4L2.5 20h19zM12 10v4.5M12 17.2v.1',
} as const
