const en = {
  title: 'Allow a program',
  question: (program: string) => `Allow “${program}”?`,
  publishedBy: (host: string) => `This program is published by ${host}.`,
  goesTo: (host: string) =>
    `Nobody has verified the name of this program. After your decision, the browser goes to ${host}.`,
  onDevice: 'Nobody has verified the name of this program. It runs on the device that showed you the code.',
  actsAs: ['It will act as ', ' in these applications:'],
  learns: 'It learns your name, your e-mail address and your roles.',
  lasts: ['It has access until ', ' at most. You can end it at any time under “My account”.'],
  onlyIf: 'Allow it only if you have just started this yourself, in this program.',
  allow: 'Allow',
  deny: 'Do not allow',
  returning: (program: string) => `Returning to “${program}”`,
  continue: 'Continue',
  deviceTitle: 'Connect a device',
  code: 'The code that your device shows',
  codeWrong: 'This code is not valid. Check it, or start again on your device.',
  sameCode: 'Does your device show this code?',
  askedBy: (program: string, ip: string) => `“${program}” asked for it, from the address ${ip}.`,
  deviceDone: 'Your device is connected',
  close: 'Close this page and return to your device.',
  errorTitle: 'This program cannot continue',
  errorText:
    'The program sent a request that is not valid, so nothing was allowed. Start again in the program.',
  publisherRefused: (host: string) =>
    `Your organization does not allow programs of ${host}. Ask your administrator if you need this one.`,
  errorDetails: 'Details for the maker of the program',
}

export type Texts = typeof en

/** Texts of the pages about programs. */
export const texts: Readonly<Record<'en' | 'de', Texts>> = {
  en,
  de: {
    title: 'Ein Programm zulassen',
    question: (program) => `„${program}“ zulassen?`,
    publishedBy: (host) => `Dieses Programm wird von ${host} veröffentlicht.`,
    goesTo: (host) =>
      `Der Name dieses Programms ist nicht geprüft. Nach Ihrer Entscheidung öffnet der Browser ${host}.`,
    onDevice:
      'Der Name dieses Programms ist nicht geprüft. Es läuft auf dem Gerät, das Ihnen den Code gezeigt hat.',
    actsAs: ['Es handelt als ', ' in diesen Anwendungen:'],
    learns: 'Es erfährt Ihren Namen, Ihre E-Mail-Adresse und Ihre Rollen.',
    lasts: ['Es hat Zugriff bis höchstens ', '. Unter „Mein Konto“ können Sie ihn jederzeit beenden.'],
    onlyIf: 'Lassen Sie es nur zu, wenn Sie das gerade selbst in diesem Programm begonnen haben.',
    allow: 'Zulassen',
    deny: 'Nicht zulassen',
    returning: (program) => `Zurück zu „${program}“`,
    continue: 'Weiter',
    deviceTitle: 'Ein Gerät verbinden',
    code: 'Der Code, den Ihr Gerät zeigt',
    codeWrong: 'Dieser Code ist nicht gültig. Prüfen Sie ihn, oder beginnen Sie auf dem Gerät neu.',
    sameCode: 'Zeigt Ihr Gerät diesen Code?',
    askedBy: (program, ip) => `„${program}“ hat ihn angefordert, von der Adresse ${ip}.`,
    deviceDone: 'Ihr Gerät ist verbunden',
    close: 'Schließen Sie diese Seite und kehren Sie zu Ihrem Gerät zurück.',
    errorTitle: 'Dieses Programm kann nicht weitermachen',
    errorText:
      'Das Programm hat eine ungültige Anfrage gesendet, deshalb wurde nichts zugelassen. Beginnen Sie im Programm neu.',
    publisherRefused: (host) =>
      `Ihre Organisation lässt Programme von ${host} nicht zu. Fragen Sie Ihre Administration, wenn Sie dieses brauchen.`,
    errorDetails: 'Einzelheiten für den Hersteller des Programms',
  },
}
