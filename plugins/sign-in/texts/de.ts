import type { en } from './en.ts'

export const de: typeof en = {
  signIn: {
    title: 'Anmelden',
    to: (brand) => `bei ${brand}`,
    toApp: (host, brand) => ['und weiter zu ', host, `, angeboten von ${brand}`],
    continueWith: (title) => `Weiter mit ${title}`,
    or: 'oder',
    moment: 'Einen Moment, bitte.',
  },
  home: {
    title: 'Ihre Anwendungen',
    none: 'Sie haben noch keine Anwendungen.',
    ask: 'Bitten Sie Ihre Administration um Zugang.',
    locked: 'Ihr Zugang ist gesperrt.',
    launch: 'Öffnen',
    away: 'antwortet nicht',
    launchNamed: (name) => `${name} öffnen`,
    offers: 'Auf Anfrage',
  },
  signOut: {
    title: 'Abmelden',
    question: 'Überall abmelden?',
    ends: (user) => ['Sie sind angemeldet als ', user, '. Das beendet:'],
    thisBrowser: 'Ihre Anmeldung in diesem Browser, mit allen Anwendungen',
    others: (count) =>
      `${count === 1 ? 'eine weitere Anmeldung' : `${count} weitere Anmeldungen`} (Browser und mezctl)`,
    terminals: (count) => `${count === 1 ? 'eine Anmeldung' : `${count} Anmeldungen`} von msh`,
    cut: 'Offene Verbindungen werden getrennt.',
    everywhere: 'Überall abmelden',
    here: 'Nur dieser Browser',
    stay: 'Angemeldet bleiben',
    doneTitle: 'Sie sind abgemeldet',
    doneText: 'Ihre Sitzung ist beendet, offene Verbindungen wurden getrennt.',
    again: 'Wieder anmelden',
    leavingTitle: 'Hier abgemeldet',
    leavingText: 'Sie werden jetzt auch bei Ihrem Identitätsanbieter abgemeldet.',
    continue: 'Weiter',
  },
  account: {
    title: 'Mein Konto',
    sessions: 'Geräte und Sitzungen',
    sessionsText:
      'Eine Sitzung zu beenden trennt auch ihre offenen Verbindungen: Downloads, Live-Seiten, Terminals.',
    signedIn: 'Angemeldet',
    used: (when) => `zuletzt benutzt ${when}`,
    from: 'von',
    sameAddress: 'Ihre jetzige Adresse',
    thisBrowser: 'dieser Browser',
    confirmed: 'mit Passkey bestätigt',
    open: (count) => (count === 1 ? 'eine offene Verbindung' : `${count} offene Verbindungen`),
    unnamed: { hub: 'Browser', app: 'Anwendung', cert: 'Terminal', token: 'Programm', device: 'Gerät' },
    end: 'Beenden',
    endNamed: (name) => `${name} beenden`,
    endText: (name, below) =>
      below === 0
        ? `Das beendet ${name}.`
        : `Das beendet ${name} mit ${below === 1 ? 'einer Anwendung' : `${below} Anwendungen`}.`,
    endCurrentText: 'Das meldet Sie in diesem Browser und in allen Anwendungen ab.',
    endOthers: 'Alle anderen beenden',
    endOthersText: (count) =>
      `Das beendet ${count === 1 ? 'die andere Sitzung' : `die ${count} anderen Sitzungen`} mit ihren Anwendungen. Dieser Browser bleibt angemeldet.`,
    endOthersButton: (count) => (count === 1 ? 'Eine Sitzung beenden' : `${count} Sitzungen beenden`),
    roles: 'Rollen',
    noRoles: 'Sie haben noch keine Rollen.',
    byAdmin: 'von der Administration vergeben',
    byConnector: (connector) => `von ${connector}`,
    justNow: 'gerade eben',
    minutesAgo: (count) => `vor ${count} min`,
    hoursAgo: (count) => `vor ${count} h`,
    daysAgo: (count) => `vor ${count} Tagen`,
  },
}
