import { readContents, readPage } from '../../plugins/docs/contents.ts'

/** Every page of the documentation with its text. */
export const pageTexts = (): readonly { readonly name: string; readonly text: string }[] =>
  readContents().flatMap(({ pages }) => pages.map((page) => ({ name: page.name, text: readPage(page) })))

/** A block of code, also in a list, without its indentation. */
export interface Block {
  readonly page: string
  readonly language: string
  readonly text: string
}

export const blocksOf = (page: string, text: string): Block[] =>
  [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', code = '']) => ({
      page,
      language,
      text: code.replaceAll(new RegExp(`^ {${indent.length}}`, 'gm'), ''),
    }),
  )

/** Code within sentences and tables. */
export const inlineCode = (text: string): string[] =>
  [...text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(([, code]) =>
    code!.replaceAll(/\s+/g, ' ').replaceAll('\\|', '|'),
  )
