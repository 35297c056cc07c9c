/** Texts of the pages about requests that are signed. */
const en = {
  title: 'Sign this request',
  app: 'Application',
  request: 'Request',
  size: 'Content',
  noBody: 'none',
  bytes: (count: number) => `${count.toLocaleString('en')} bytes`,
  by: 'From',
  byProgram: 'From a program of',
  waitTitle: 'Somebody else must sign this',
  waitText:
    'Send this address to a person who may do the same. This page goes on by itself, for two minutes.',
  signedTitle: 'Signed',
  signedText: 'The request is sent once. You can close this page.',
  declinedTitle: 'Declined',
  declinedText: 'The request was not sent.',
  overTitle: 'This is over',
  overText: 'This request was sent, declined, or waited too long. Send it again to sign it.',
}

export type Words = typeof en

export const texts: Readonly<Record<'en' | 'de', Words>> = {
  en,
  de: {
    title: 'Diese Anfrage unterschreiben',
    app: 'Anwendung',
    request: 'Anfrage',
    size: 'Inhalt',
    noBody: 'keiner',
    bytes: (count) => `${count.toLocaleString('de')} Bytes`,
    by: 'Von',
    byProgram: 'Von einem Programm von',
    waitTitle: 'Das muss jemand anderes unterschreiben',
    waitText:
      'Geben Sie diese Adresse jemandem, der dasselbe darf. Diese Seite geht von selbst weiter, zwei Minuten lang.',
    signedTitle: 'Unterschrieben',
    signedText: 'Die Anfrage wird einmal gesendet. Sie können diese Seite schließen.',
    declinedTitle: 'Abgelehnt',
    declinedText: 'Die Anfrage wurde nicht gesendet.',
    overTitle: 'Das ist vorbei',
    overText:
      'Diese Anfrage wurde gesendet oder abgelehnt, oder sie hat zu lange gewartet. Senden Sie sie noch einmal, um sie zu unterschreiben.',
  },
}
