const en = {
  title: 'Allow a command line',
  question: (program: string, host: string) => `Allow ${program} on ${host}?`,
  actsAs: ['It will act as ', ' until its credential expires.'],
  onlyIf: 'Continue only if you have just started this sign-in yourself, on that machine.',
  allow: 'Allow',
  cancel: 'Cancel',
  codeTitle: 'Your code',
  paste: (program: string) => `Paste this code into ${program}`,
  once: 'The code works once, within two minutes, and only in the terminal where you started the sign-in.',
  done: 'You are signed in',
  close: 'Close this page and return to the terminal.',
}

/** Texts of the pages for command lines. */
export const texts: Readonly<Record<'en' | 'de', typeof en>> = {
  en,
  de: {
    title: 'Eine Befehlszeile zulassen',
    question: (program, host) => `${program} auf ${host} zulassen?`,
    actsAs: ['Das Programm handelt als ', ', bis seine Anmeldung abläuft.'],
    onlyIf: 'Fahren Sie nur fort, wenn Sie diese Anmeldung gerade selbst auf diesem Rechner begonnen haben.',
    allow: 'Zulassen',
    cancel: 'Abbrechen',
    codeTitle: 'Ihr Code',
    paste: (program) => `Fügen Sie diesen Code in ${program} ein`,
    once: 'Der Code gilt einmal, zwei Minuten lang und nur in dem Terminal, in dem Sie die Anmeldung begonnen haben.',
    done: 'Sie sind angemeldet',
    close: 'Schließen Sie diese Seite und kehren Sie zum Terminal zurück.',
  },
}
