import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  intent_over: {
    status: 409,
    title: { en: 'This is over', de: 'Das ist vorbei' },
    en: 'This request was signed or declined already, or waited too long. Send it again.',
    de: 'Diese Anfrage wurde schon unterschrieben oder abgelehnt, oder sie hat zu lange gewartet. Senden Sie sie noch einmal.',
    next: 'A request is signed once, within two minutes. Send it again, and sign the new one.',
  },
  signature_declined: { en: 'This request was declined, so it was not sent.', de: 'Diese Anfrage wurde abgelehnt, deshalb wurde sie nicht gesendet.', title: { en: 'Declined', de: 'Abgelehnt' }, next: 'A person was asked to sign the request, and declined. Ask them, and send it again.' },
  signer_lost_access: {
    title: { en: 'The signature does not count any more', de: 'Die Unterschrift zählt nicht mehr' },
    en: 'The person who signed this may not send it any more.',
    de: 'Die Person, die das unterschrieben hat, darf es nicht mehr senden.',
    next: 'The second person has signed out, was locked, or has lost the role that allows the request. Ask somebody else.',
  },
})
