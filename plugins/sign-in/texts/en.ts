/** A sentence around a name that stands out. */
type Around = readonly [before: string, name: string, after: string]

/** English, the catalogue that gives the others their shape. */
export const en = {
  signIn: {
    title: 'Sign in',
    to: (brand: string) => `to ${brand}`,
    toApp: (host: string, brand: string): Around => ['to continue to ', host, `, offered by ${brand}`],
    continueWith: (title: string) => `Continue with ${title}`,
    or: 'or',
    moment: 'One moment, please.',
  },
  home: {
    title: 'Your applications',
    none: 'You have no applications yet.',
    ask: 'Ask your administrator for access.',
    locked: 'Your access is locked.',
    launch: 'Launch',
    away: 'not responding',
    launchNamed: (name: string) => `Launch ${name}`,
    offers: 'You can ask for these',
  },
  signOut: {
    title: 'Sign out',
    question: 'Sign out everywhere?',
    ends: (user: string): Around => ['You are signed in as ', user, '. This ends:'],
    thisBrowser: 'your sign-in in this browser, with all its applications',
    others: (count: number) =>
      `${count === 1 ? '1 other sign-in' : `${count} other sign-ins`} (browsers and mezctl)`,
    terminals: (count: number) => `${count === 1 ? '1 login' : `${count} logins`} of msh`,
    cut: 'Open connections are cut.',
    everywhere: 'Sign out everywhere',
    here: 'Only this browser',
    stay: 'Stay signed in',
    doneTitle: 'You are signed out',
    doneText: 'Your session has ended, and its open connections were cut.',
    again: 'Sign in again',
    leavingTitle: 'Signed out here',
    leavingText: 'Now signing you out at your identity provider.',
    continue: 'Continue',
  },
  account: {
    title: 'My account',
    sessions: 'Devices and sessions',
    sessionsText: 'Ending a session also cuts its open connections: downloads, live pages, terminals.',
    signedIn: 'Signed in',
    used: (when: string) => `last used ${when}`,
    from: 'from',
    sameAddress: 'the address you have now',
    thisBrowser: 'this browser',
    confirmed: 'confirmed with a passkey',
    open: (count: number) => (count === 1 ? '1 open connection' : `${count} open connections`),
    unnamed: { hub: 'Browser', app: 'Application', cert: 'Terminal', token: 'Program', device: 'Device' },
    end: 'End',
    endNamed: (name: string) => `End ${name}`,
    endText: (name: string, below: number) =>
      below === 0
        ? `This ends ${name}.`
        : `This ends ${name} with its ${below === 1 ? 'application' : `${below} applications`}.`,
    endCurrentText: 'This signs you out of this browser and all its applications.',
    endOthers: 'End all others',
    endOthersText: (count: number) =>
      `This ends ${count === 1 ? 'the other session' : `the ${count} other sessions`} with their applications. This browser stays signed in.`,
    endOthersButton: (count: number) => (count === 1 ? 'End 1 session' : `End ${count} sessions`),
    roles: 'Roles',
    noRoles: 'You have no roles yet.',
    byAdmin: 'given by an administrator',
    byConnector: (connector: string) => `from ${connector}`,
    justNow: 'just now',
    minutesAgo: (count: number) => `${count} min ago`,
    hoursAgo: (count: number) => `${count} h ago`,
    daysAgo: (count: number) => `${count} days ago`,
  },
}
