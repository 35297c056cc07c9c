import { html } from '../../pages/html.ts'
import { icon } from '../../pages/icons.ts'

/** Own plain drawings for well-known providers, by the end of their host name. */
const KNOWN: readonly (readonly [host: string, path: string])[] = [
  ['google.com', 'M20 12h-8M20 12a8 8 0 1 1-2.6-5.9'],
  ['microsoftonline.com', 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z'],
  ['windows.net', 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z'],
  ['okta.com', 'M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16M12 8.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7'],
  ['auth0.com', 'M12 3.5l7 3v6c0 4-3 6.5-7 8c-4-1.5-7-4-7-8v-6zM12 9v5M9.5 11.5h5'],
  ['gitlab.com', 'M3.5 13L6 5l2.5 6h7L18 5l2.5 8L12 20z'],
  [
    'github.com',
    'M7 5v14M7 12c5 0 10-1 10-5M17 7a1.5 1.5 0 1 0 0-3a1.5 1.5 0 0 0 0 3M7 5a1.5 1.5 0 1 0 0-1M7 20a1.5 1.5 0 1 0 0-1',
  ],
]

/** The icon of a sign-in choice: of a well-known provider, or a general one. */
export function providerIcon(host: string | undefined) {
  const found = KNOWN.find(([known]) => host === known || host?.endsWith(`.${known}`))
  return found === undefined
    ? icon('sign_in')
    : html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${found[1]} /></svg>`
}
