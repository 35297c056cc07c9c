import type { App } from '@mezite/core'

/** The name by which people know an app. */
export const titleOf = ({ display, name }: Pick<App, 'display' | 'name'>): string => display?.name ?? name

/** What a refusal's page says to do. */
interface Advice {
  readonly title: string
  readonly next: string | null
  /** The best first. */
  readonly steps: readonly Step[]
}

type Step = 'home' | 'open' | 'retry'

/** Links of the pages of reasons that say all of it themselves, the best first. */
export const ownSteps: Readonly<Record<string, readonly Step[]>> = {
  handover_busy: ['retry'],
  handover_refused: ['open', 'home'],
  not_found: ['open', 'home'],
}

const waitEn = 'Try again in a moment. If this continues, contact your administrator.'
const askEn = 'If you need it, ask an administrator and give them the two codes below.'
const waitDe =
  'Versuchen Sie es gleich noch einmal. Wenn es so bleibt, wenden Sie sich an Ihre Administration.'
const askDe = 'Wenn Sie sie brauchen, wenden Sie sich mit den beiden Codes an Ihre Administration.'

const en = {
  steps: { home: 'Your applications', open: 'Open the application', retry: 'Try again' },
  learnMore: 'Learn more',
  reason: 'Reason',
  /** Leads to the documentation of the reason code. */
  meaning: 'What this means',
  help: 'Help',
  request: 'Request',
  contact: 'Contact',
  byStatus: {
    403: { title: 'You cannot open this', next: askEn, steps: ['home'] },
    404: {
      title: 'There is no such application',
      next: 'Check the address, or ask an administrator whether the application still exists.',
      steps: ['home'],
    },
    429: {
      title: 'Too much at once',
      next: 'Close other windows of this application, or wait a moment.',
      steps: ['retry', 'home'],
    },
    502: { title: 'The application cannot be reached', next: waitEn, steps: ['retry', 'home'] },
    503: { title: 'Not available right now', next: waitEn, steps: ['retry', 'home'] },
    504: { title: 'The application did not respond in time', next: waitEn, steps: ['retry', 'home'] },
  } as Readonly<Record<number, Advice>>,
  otherwise: { title: 'Refused', next: 'Go back and try another way.', steps: ['home'] } as Advice,
  denied: (user: string, app: string) => `You are signed in as ${user}, but you may not use ${app}.`,
  signIn: 'Sign in',
  signInTitle: 'Sign in to continue',
  signInFrame: 'Sign in on a new tab, then come back here and reload this page.',
  confirmTitle: 'Confirm to continue',
  confirm: 'Confirm',
  confirmForm: 'This needs your confirmation, so nothing was sent yet. Confirm, and your form is sent.',
  confirmReload:
    'This needs your confirmation, so nothing was sent. Confirm, come back to this page, and reload it to send everything again.',
  sendAgain: 'Send again',
  signTitle: 'Sign this first',
  signText:
    'This must be signed with your passkey, so nothing was sent yet. Sign it, and it is sent as it is.',
  signedTitle: 'Signed',
  signedText: 'Your request is being sent.',
  continue: 'Continue',
  signInAgainTitle: 'Sign in, then send it again',
  signInAgain:
    'Your session has ended, so nothing was sent. Sign in, come back to this page, and send it again.',
  signOutTitle: 'Sign out of this app?',
  signOutText: 'You stay signed in to the hub and to your other applications.',
  signOut: 'Sign out',
  stay: 'Stay signed in',
  signedOutTitle: 'You are signed out of this app',
  signedOutText:
    'While you are signed in to the hub, you may be able to open the app again without signing in.',
  everywhere: 'Sign out everywhere',
  renewedTitle: 'You are signed in',
  renewedText: 'You can close this window and continue where you left off.',
  /** For open pages, whose script asks. */
  accessLocked: 'Your access is locked.',
  accessEnded: 'Your access has ended.',
}

type Texts = typeof en

/** The texts of the hub's pages on apps' hosts. */
export const texts: Readonly<Record<'en' | 'de', Texts>> = {
  en,
  de: {
    steps: { home: 'Ihre Anwendungen', open: 'Anwendung öffnen', retry: 'Noch einmal versuchen' },
    learnMore: 'Mehr dazu',
    reason: 'Grund',
    meaning: 'Was das bedeutet',
    help: 'Hilfe',
    request: 'Anfrage',
    contact: 'Kontakt',
    byStatus: {
      403: { title: 'Sie können das nicht öffnen', next: askDe, steps: ['home'] },
      404: {
        title: 'Diese Anwendung gibt es nicht',
        next: 'Prüfen Sie die Adresse, oder fragen Sie Ihre Administration, ob es die Anwendung noch gibt.',
        steps: ['home'],
      },
      429: {
        title: 'Zu viel auf einmal',
        next: 'Schließen Sie andere Fenster dieser Anwendung, oder warten Sie einen Moment.',
        steps: ['retry', 'home'],
      },
      502: { title: 'Die Anwendung ist nicht erreichbar', next: waitDe, steps: ['retry', 'home'] },
      503: { title: 'Zurzeit nicht verfügbar', next: waitDe, steps: ['retry', 'home'] },
      504: {
        title: 'Die Anwendung hat nicht rechtzeitig geantwortet',
        next: waitDe,
        steps: ['retry', 'home'],
      },
    },
    otherwise: {
      title: 'Abgelehnt',
      next: 'Gehen Sie zurück, und versuchen Sie einen anderen Weg.',
      steps: ['home'],
    },
    denied: (user, app) => `Sie sind angemeldet als ${user}, dürfen ${app} aber nicht benutzen.`,
    signIn: 'Anmelden',
    signInTitle: 'Melden Sie sich an, um fortzufahren',
    signInFrame: 'Melden Sie sich in einem neuen Tab an, und laden Sie dann diese Seite neu.',
    confirmTitle: 'Bestätigen Sie, um fortzufahren',
    confirm: 'Bestätigen',
    confirmForm:
      'Dafür wird Ihre Bestätigung gebraucht, deshalb wurde noch nichts gesendet. Nach der Bestätigung wird Ihr Formular gesendet.',
    confirmReload:
      'Dafür wird Ihre Bestätigung gebraucht, deshalb wurde nichts gesendet. Bestätigen Sie, und laden Sie dann diese Seite neu, um alles noch einmal zu senden.',
    sendAgain: 'Noch einmal senden',
    signTitle: 'Unterschreiben Sie zuerst',
    signText:
      'Das muss mit Ihrem Passkey unterschrieben werden, deshalb wurde noch nichts gesendet. Danach wird es gesendet, wie es ist.',
    signedTitle: 'Unterschrieben',
    signedText: 'Ihre Anfrage wird gesendet.',
    continue: 'Weiter',
    signInAgainTitle: 'Melden Sie sich an, und senden Sie es dann noch einmal',
    signInAgain:
      'Ihre Sitzung ist beendet, deshalb wurde nichts gesendet. Melden Sie sich an, und senden Sie es auf dieser Seite noch einmal.',
    signOutTitle: 'Von dieser Anwendung abmelden?',
    signOutText: 'Am Hub und an Ihren anderen Anwendungen bleiben Sie angemeldet.',
    signOut: 'Abmelden',
    stay: 'Angemeldet bleiben',
    signedOutTitle: 'Sie sind von dieser Anwendung abgemeldet',
    signedOutText:
      'Solange Sie am Hub angemeldet sind, können Sie die Anwendung vielleicht ohne Anmeldung wieder öffnen.',
    everywhere: 'Überall abmelden',
    renewedTitle: 'Sie sind angemeldet',
    renewedText: 'Sie können dieses Fenster schließen und dort weitermachen, wo Sie waren.',
    accessLocked: 'Ihr Zugang ist gesperrt.',
    accessEnded: 'Ihr Zugang ist beendet.',
  },
}
