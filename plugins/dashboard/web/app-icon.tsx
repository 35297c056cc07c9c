import { drawings } from '@mezite/core/drawings'
import { productOf } from './app-product.ts'

/** Hues of the tiles of initials and presets; each has the same contrast in both themes. */
const TONES = 8

function toneOf(name: string): number {
  let sum = 0
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9_973
  return sum % TONES
}

function initialsOf(name: string): string {
  // Brackets and other signs around a word are not its beginning.
  const words = name
    .split(/[\s._-]+/)
    .map((word) => word.match(/[\p{L}\p{N}]/gu) ?? [])
    .filter(({ length }) => length > 0)
  const letters =
    words.length > 1 ? words.slice(0, 2).map(([first]) => first) : (words[0] ?? ['?']).slice(0, 2)
  return letters.join('').toLocaleUpperCase()
}

/** An app's uploaded image, preset, or initials. Decoration: the name stands beside it. */
export function AppIcon({ name, icon }: { readonly name: string; readonly icon: string | null }) {
  if (icon?.startsWith('/'))
    return <img class="tile" src={icon} alt="" loading="lazy" width="44" height="44" />
  const [product = '', known] = productOf(name)
  const preset = icon ?? known
  const path = preset === undefined ? undefined : (drawings as Readonly<Record<string, string>>)[preset]
  return (
    <span class={`tile tone-${toneOf(product)}`} aria-hidden="true">
      {path === undefined ? initialsOf(name) : <Glyph path={path} />}
    </span>
  )
}

/** A line drawing of 24 by 24 units in the colour of the text. */
export function Glyph({ path }: { readonly path: string }) {
  return (
    <svg
      class="glyph"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  )
}
