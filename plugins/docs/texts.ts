/** The words around the pages, in the language of the page. */
const en = {
  documentation: 'Documentation',
  allPages: 'All pages',
  search: 'Search',
  searchAll: 'Search the documentation',
  nothing: 'Nothing found.',
  nothingTry: 'Nothing found. Try other or fewer words.',
  typeWords: 'Type words into the search field.',
  resultsFor: (query: string) => `Results for “${query}”`,
  onThisPage: 'On this page',
  asMarkdown: 'This page as Markdown',
  inThisLanguage: 'This page in English',
}

export type Texts = typeof en

const de: Texts = {
  documentation: 'Dokumentation',
  allPages: 'Alle Seiten',
  search: 'Suche',
  searchAll: 'Dokumentation durchsuchen',
  nothing: 'Nichts gefunden.',
  nothingTry: 'Nichts gefunden. Versuchen Sie andere oder weniger Wörter.',
  typeWords: 'Geben Sie Wörter in das Suchfeld ein.',
  resultsFor: (query) => `Treffer für „${query}“`,
  onThisPage: 'Auf dieser Seite',
  asMarkdown: 'Diese Seite als Markdown',
  inThisLanguage: 'Diese Seite auf Deutsch',
}

export const texts = { en, de } as const
