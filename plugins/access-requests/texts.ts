/** Texts of the pages about requests for access, and of their notifications. */
const en = {
  role: (role: string) => `the role ${role}`,
  title: 'Access requests',
  state: {
    pending: 'waiting',
    approved: 'open',
    denied: 'denied',
    cancelled: 'cancelled',
    expired: 'expired',
    revoked: 'revoked',
    ended: 'ended',
  },
  offer: {
    title: 'Request access',
    text: (app: string) => `You can ask for access to ${app} for a time.`,
    breakGlass: (app: string) =>
      `In an emergency you can open ${app} at once. Everybody who approves requests is notified.`,
    pendingTitle: 'Your request is waiting',
    pendingText: (app: string) => `Nobody has decided yet whether you get access to ${app}.`,
  },
  form: {
    title: (app: string) => `Request access to ${app}`,
    roleTitle: (role: string) => `Request the role ${role}`,
    duration: 'How long',
    reason: 'Reason',
    optional: 'Reason (optional)',
    submit: 'Request access',
    breakGlass: 'Open without approval',
    breakGlassText:
      'For an emergency, at most one hour. You confirm with a passkey, and everybody who approves requests is notified at once.',
    none: 'There is nothing here that you can ask for.',
  },
  wait: {
    title: 'Waiting for approval',
    text: (app: string) => `You asked for ${app}. This page continues by itself when somebody approves.`,
    close: 'You may close it: the notification about the outcome has a link.',
    noScript: 'Load this page again to see whether somebody has decided.',
    again: 'Check again',
    cancel: 'Cancel the request',
    until: 'Can be approved until',
    approvedTitle: 'You have access',
    approvedText: (app: string) => `${app} is open for you.`,
    go: (app: string) => `Open ${app}`,
    ends: 'Ends',
    end: 'End access now',
    deniedTitle: 'Your request was denied',
    cancelledTitle: 'You cancelled this request',
    expiredTitle: 'Nobody approved in time',
    revokedTitle: 'Your access was revoked',
    endedTitle: 'Your access has ended',
    askAgain: 'Ask again',
    count: (done: number, needed: number) => `${done} of ${needed} approvals`,
  },
  list: {
    title: 'Access requests',
    forYou: 'Waiting for your decision',
    none: 'No request waits for you.',
    live: 'Open now',
    own: 'Your requests',
    noOwn: 'You have not asked for anything yet.',
    ask: 'What you can ask for',
    earlier: 'Decided',
    asked: (time: string) => `for ${time}, asked`,
    ends: 'ends',
    waitsFor: (time: string) => `waits for ${time}`,
    approveMarked: 'Approve',
    denyMarked: 'Deny',
    forAtMost: 'Approve for at most',
    asAsked: 'the time that each asks for',
    approved: (count: number) => `Approved: ${count}`,
    denied: (count: number) => `Denied: ${count}`,
    notDecided: (count: number) => `Not decided: ${count}`,
    keys: 'Keys: j and k go to the next and the previous one, Enter opens it, x marks it, a approves, d denies.',
    askCount: (count: number) => `Show all ${count}`,
  },
  review: {
    asks: (user: string, app: string) => `${user} asks for ${app}`,
    brokeGlass: (user: string, app: string) => `${user} opened ${app} without approval`,
    who: 'Person',
    what: 'Application',
    role: 'Role',
    duration: 'For',
    granted: (granted: string, asked: string) => `${granted} (asked for ${asked})`,
    reason: 'Reason',
    noReason: 'none given',
    asked: 'Asked',
    askedBy: 'Asked in place of the person by',
    owner: 'Owner',
    gains: 'What the person gains',
    gainsNothing: 'nothing: no application opens by it',
    gainsMore: (count: number) => `and ${count} more`,
    because: 'Because',
    becauseOf: (role: string) => `the role ${role} of this person may ask for it`,
    state: 'State',
    earlier: 'Earlier requests of this person',
    noEarlier: 'None.',
    approve: 'Approve',
    approveFor: 'For how long',
    deny: 'Deny',
    denyReason: 'Why (the person does not see it)',
    revoke: 'Revoke access',
    confirm: 'Confirm with your passkey',
    confirmText: 'Your role approves with a passkey only. Confirm first, then decide here.',
    own: 'This is your own request.',
    decisions: 'Decisions',
    approvedBy: (user: string) => `${user} approved`,
    deniedBy: (user: string) => `${user} denied`,
  },
  account: {
    title: 'Access for a time',
    text: 'Roles and applications that you have until they end. You can give them back earlier.',
    left: (time: string) => `${time} left, ends`,
    end: 'End',
    endNamed: (what: string) => `End access to ${what}`,
  },
  notification: {
    asks: (user: string, target: string) => `${user} asks for access to ${target}`,
    brokeGlass: (user: string, target: string) => `${user} opened ${target} without approval`,
    wants: (target: string, time: string) => `For: ${target}, ${time}`,
    reason: (reason: string) => `Reason: ${reason}`,
    decided: {
      approved: (target: string) => `You have access to ${target}`,
      denied: (target: string) => `Your request for ${target} was denied`,
      revoked: (target: string) => `Your access to ${target} was revoked`,
      expired: (target: string) => `Nobody approved your request for ${target} in time`,
      ended: (target: string) => `Your access to ${target} has ended`,
    },
  },
}

export type Words = typeof en

const de: Words = {
  role: (role) => `die Rolle ${role}`,
  title: 'Zugriffsanfragen',
  state: {
    pending: 'wartet',
    approved: 'offen',
    denied: 'abgelehnt',
    cancelled: 'zurückgezogen',
    expired: 'abgelaufen',
    revoked: 'entzogen',
    ended: 'beendet',
  },
  offer: {
    title: 'Zugriff anfragen',
    text: (app) => `Sie können Zugriff auf ${app} für eine bestimmte Zeit anfragen.`,
    breakGlass: (app) =>
      `Im Notfall können Sie ${app} sofort öffnen. Alle, die Anfragen genehmigen, werden benachrichtigt.`,
    pendingTitle: 'Ihre Anfrage wartet',
    pendingText: (app) => `Über Ihren Zugriff auf ${app} hat noch niemand entschieden.`,
  },
  form: {
    title: (app) => `Zugriff auf ${app} anfragen`,
    roleTitle: (role) => `Die Rolle ${role} anfragen`,
    duration: 'Wie lange',
    reason: 'Grund',
    optional: 'Grund (freiwillig)',
    submit: 'Zugriff anfragen',
    breakGlass: 'Ohne Genehmigung öffnen',
    breakGlassText:
      'Für einen Notfall, höchstens eine Stunde. Sie bestätigen mit einem Passkey, und alle, die Anfragen genehmigen, werden sofort benachrichtigt.',
    none: 'Hier gibt es nichts, was Sie anfragen können.',
  },
  wait: {
    title: 'Wartet auf Genehmigung',
    text: (app) => `Sie haben ${app} angefragt. Diese Seite geht von selbst weiter, sobald jemand genehmigt.`,
    close: 'Sie können sie schließen: Die Nachricht über den Ausgang enthält einen Link.',
    noScript: 'Laden Sie diese Seite neu, um zu sehen, ob jemand entschieden hat.',
    again: 'Noch einmal prüfen',
    cancel: 'Anfrage zurückziehen',
    until: 'Kann genehmigt werden bis',
    approvedTitle: 'Sie haben Zugriff',
    approvedText: (app) => `${app} ist für Sie offen.`,
    go: (app) => `${app} öffnen`,
    ends: 'Endet',
    end: 'Zugriff jetzt beenden',
    deniedTitle: 'Ihre Anfrage wurde abgelehnt',
    cancelledTitle: 'Sie haben diese Anfrage zurückgezogen',
    expiredTitle: 'Niemand hat rechtzeitig genehmigt',
    revokedTitle: 'Ihr Zugriff wurde entzogen',
    endedTitle: 'Ihr Zugriff ist beendet',
    askAgain: 'Noch einmal anfragen',
    count: (done, needed) => `${done} von ${needed} Genehmigungen`,
  },
  list: {
    title: 'Zugriffsanfragen',
    forYou: 'Wartet auf Ihre Entscheidung',
    none: 'Keine Anfrage wartet auf Sie.',
    live: 'Jetzt offen',
    own: 'Ihre Anfragen',
    noOwn: 'Sie haben noch nichts angefragt.',
    ask: 'Was Sie anfragen können',
    earlier: 'Entschieden',
    asked: (time) => `für ${time}, angefragt`,
    ends: 'endet',
    waitsFor: (time) => `wartet seit ${time}`,
    approveMarked: 'Genehmigen',
    denyMarked: 'Ablehnen',
    forAtMost: 'Genehmigen für höchstens',
    asAsked: 'die Zeit, um die jeweils gebeten wird',
    approved: (count) => `Genehmigt: ${count}`,
    denied: (count) => `Abgelehnt: ${count}`,
    notDecided: (count) => `Nicht entschieden: ${count}`,
    keys: 'Tasten: j und k gehen weiter und zurück, Enter öffnet, x markiert, a genehmigt, d lehnt ab.',
    askCount: (count) => `Alle ${count} zeigen`,
  },
  review: {
    asks: (user, app) => `${user} fragt Zugriff an: ${app}`,
    brokeGlass: (user, app) => `${user} hat ohne Genehmigung geöffnet: ${app}`,
    who: 'Person',
    what: 'Anwendung',
    role: 'Rolle',
    duration: 'Für',
    granted: (granted, asked) => `${granted} (gefragt war ${asked})`,
    reason: 'Grund',
    noReason: 'keiner angegeben',
    asked: 'Angefragt',
    askedBy: 'Anstelle der Person angefragt von',
    owner: 'Verantwortlich',
    gains: 'Was die Person erhält',
    gainsNothing: 'nichts: keine Anwendung öffnet sich dadurch',
    gainsMore: (count) => `und ${count} weitere`,
    because: 'Weil',
    becauseOf: (role) => `die Rolle ${role} dieser Person es anfragen darf`,
    state: 'Stand',
    earlier: 'Frühere Anfragen dieser Person',
    noEarlier: 'Keine.',
    approve: 'Genehmigen',
    approveFor: 'Wie lange',
    deny: 'Ablehnen',
    denyReason: 'Warum (die Person sieht es nicht)',
    revoke: 'Zugriff entziehen',
    confirm: 'Mit dem Passkey bestätigen',
    confirmText:
      'Ihre Rolle genehmigt nur mit einem Passkey. Bestätigen Sie zuerst, und entscheiden Sie dann hier.',
    own: 'Das ist Ihre eigene Anfrage.',
    decisions: 'Entscheidungen',
    approvedBy: (user) => `${user} hat genehmigt`,
    deniedBy: (user) => `${user} hat abgelehnt`,
  },
  account: {
    title: 'Zugriff auf Zeit',
    text: 'Rollen und Anwendungen, die Sie bis zu ihrem Ende haben. Sie können sie früher zurückgeben.',
    left: (time) => `noch ${time}, endet`,
    end: 'Beenden',
    endNamed: (what) => `Zugriff beenden: ${what}`,
  },
  notification: {
    asks: (user, target) => `${user} fragt Zugriff an: ${target}`,
    brokeGlass: (user, target) => `${user} hat ohne Genehmigung geöffnet: ${target}`,
    wants: (target, time) => `Für: ${target}, ${time}`,
    reason: (reason) => `Grund: ${reason}`,
    decided: {
      approved: (target) => `Sie haben Zugriff: ${target}`,
      denied: (target) => `Ihre Anfrage wurde abgelehnt: ${target}`,
      revoked: (target) => `Ihr Zugriff wurde entzogen: ${target}`,
      expired: (target) => `Niemand hat Ihre Anfrage rechtzeitig genehmigt: ${target}`,
      ended: (target) => `Ihr Zugriff ist beendet: ${target}`,
    },
  },
}

export type Language = 'en' | 'de'

export const texts: Readonly<Record<Language, Words>> = { en, de }

/** The language of a stored name; English for one that this version does not have. */
export const languageIn = (text: string): Language => (text === 'de' ? text : 'en')

/** The app or the role, for people. */
export const targetOf = (
  words: Words,
  { app_name, role }: { readonly app_name: string | null; readonly role: string },
): string => app_name ?? words.role(role)

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 }

/** A duration as the hub reads it back: `2h`. */
export function showDuration(ms: number): string {
  for (const [name, unit] of Object.entries(UNITS))
    if (ms >= unit && ms % unit === 0) return `${ms / unit}${name}`
  return `${Math.round(ms / 1_000)}s`
}

/** A time that is left, rounded up to minutes: `1 h 30 min`. */
export function showLeft(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000))
  const parts = [
    [Math.floor(minutes / 1_440), 'd'],
    [Math.floor(minutes / 60) % 24, 'h'],
    [minutes % 60, 'min'],
  ] as const
  const shown = parts.filter(([count]) => count > 0).slice(0, 2)
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ')
}
