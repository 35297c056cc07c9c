/** A colour in sRGB, each part from 0 to 255. */
type Colour = readonly [red: number, green: number, blue: number]

const WHITE: Colour = [255, 255, 255]
const BLACK: Colour = [0, 0, 0]
const LIGHT_GROUND: Colour = [246, 247, 249]
const DARK_SURFACE: Colour = [28, 33, 42]
/** Contrast of text (WCAG 2.2, success criterion 1.4.3), with a margin for rounding. */
const CONTRAST = 4.6

/**
 * The colour tokens for a brand colour such as "#0a7d5c", as CSS: the nearest shades that are readable as text on the
 * surfaces of each theme. Null if it is not a colour of that form.
 */
export function brandTokens(hex: string): string | null {
  const colour = parse(hex)
  if (colour === null) return null
  const light = shade(colour, BLACK, LIGHT_GROUND)
  const dark = shade(colour, WHITE, DARK_SURFACE)
  const pair = (name: string, one: Colour, other: Colour) =>
    `--${name}:light-dark(${format(one)},${format(other)})`
  return `:root{${[
    pair('accent', light, dark),
    pair('accent-strong', mix(light, BLACK, 0.25), mix(dark, WHITE, 0.35)),
    pair('on-accent', WHITE, mix(dark, BLACK, 0.88)),
    pair('wash', mix(light, WHITE, 0.91), mix(dark, [21, 25, 32], 0.82)),
  ].join(';')}}`
}

/** The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio"). */
function contrast(one: Colour, other: Colour): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function parse(hex: string): Colour | null {
  const [, red, green, blue] = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex) ?? []
  if (red === undefined || green === undefined || blue === undefined) return null
  return [Number.parseInt(red, 16), Number.parseInt(green, 16), Number.parseInt(blue, 16)]
}

/** The first of the shades towards `end` that is readable on `ground`. */
function shade(colour: Colour, end: Colour, ground: Colour): Colour {
  for (let part = 0; part < 1; part += 0.02) {
    const mixed = mix(colour, end, part)
    if (contrast(mixed, ground) >= CONTRAST) return mixed
  }
  return end
}

function mix(colour: Colour, other: Colour, part: number): Colour {
  const at = (i: 0 | 1 | 2) => Math.round(colour[i] * (1 - part) + other[i] * part)
  return [at(0), at(1), at(2)]
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((part) => {
    const value = part / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const format = (colour: Colour): string =>
  `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`
