import type { Catalogue } from '../text.ts'
import type { en } from './en.ts'

/** German. */
export const de: Catalogue<typeof en> = {
  applications: 'Anwendungen',
  search: 'Anwendungen suchen',
  searchHint: '/ drücken, um zu suchen',
  recent: 'Zuletzt geöffnet',
  otherApps: 'Weitere',
  allApps: 'Alle Anwendungen',
  found: '{count} gefunden',
  noMatch: 'Keine Anwendung passt zu „{query}“.',
  clearSearch: 'Suche leeren',
  open: '{name} öffnen',
  notResponding: 'Antwortet nicht',
  switchedOff: 'Abgeschaltet',
  passkey: 'Passkey',
  asksForPasskey: 'Fragt nach Ihrem Passkey',
  copy: 'Kopieren',
  copied: 'Kopiert',
  copyCommand: 'Befehl für {name} kopieren',
  noApps: 'Sie haben noch keine Anwendungen',
  noAppsHelp:
    'Anwendungen erscheinen hier, sobald Sie Zugriff bekommen. Fragen Sie Ihre Administratoren, und nennen Sie Ihren Anmeldenamen {user}.',
  locked: 'Ihr Zugriff ist gesperrt',
  lockedHelp: 'Fragen Sie Ihre Administratoren nach dem Grund.',
  administration: 'Verwaltung',
  signedOutTitle: 'Sie sind abgemeldet',
  signedOutHelp: 'Ihre Sitzung ist beendet. Diese Seite ist nicht mehr aktuell.',
  signInAgain: 'Neu anmelden',
  reconnecting: 'Verbindung verloren. Neuer Versuch …',
  loadFailed: 'Das konnte nicht geladen werden',
  tryAgain: 'Noch einmal versuchen',
  forSupport: 'Für den Support:',
  loading: 'Wird geladen …',
}
