import type { Pages } from '@mezite/core'
import { de } from './texts/de.ts'
import { en } from './texts/en.ts'

export type Language = ReturnType<Pages['languageOf']>
export type Texts = typeof en

/** The texts of the pages. */
export const texts: Readonly<Record<Language, Texts>> = { en, de }
