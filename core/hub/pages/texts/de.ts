import type { Texts } from '../texts.ts'

export const de: Texts = {
  template: {
    skip: 'Zum Inhalt',
    apps: 'Anwendungen',
    account: 'Mein Konto',
    signOut: 'Abmelden',
    menu: (user) => `Menü von ${user}`,
    signedInAs: 'Angemeldet als',
    help: 'Hilfe',
    copy: 'Kopieren',
    copied: 'Kopiert',
  },
}
