/** Texts of the pages for passkeys. Values that a page emphasizes stand between the parts of a sentence. */
const en = {
  noScript: 'Passkeys need JavaScript. Enable it in this browser.',
  confirm: {
    title: 'Confirm with your passkey',
    opens: (app: string) => [`${app} opens after you confirm that it is you, `, '.'],
    opensInTerminal: (app: string) => [
      `msh opens ${app} in your terminal after you confirm that it is you, `,
      '.',
    ],
    continues: ['You continue after you confirm that it is you, ', '.'],
    letsProgram: (app: string) => [
      `A program goes on at ${app} in your name after you confirm that it is you, `,
      '.',
    ],
    changes: ['You make changes to this cluster after you confirm that it is you, ', '.'],
    changesNeed: 'Your role requires a passkey for changes to this cluster.',
    onlyIfChanges: 'Continue only if you have just made a change yourself, in the dashboard or with mezctl.',
    onlyIfProgram: 'Continue only if you use this program yourself and it has just asked for this.',
    onlyIf: 'Continue only if you have just started msh app login yourself.',
    use: 'Use your passkey',
    cancel: 'Cancel',
    missingTitle: 'A passkey is needed',
    needs: (app: string) => `${app} opens after you confirm with a passkey.`,
    missing: {
      none: 'You have none yet.',
      byAdmin: 'You have none yet. Ask an administrator for a link to add your first passkey.',
      hardware:
        'Your role requires a hardware passkey of a model that this cluster accepts, and you have none.',
    },
    doneTitle: 'Confirmed',
    done: 'Close this page and return to the terminal.',
  },
  sign: {
    as: ['You sign this as ', '. Until then, nothing is sent.'],
    use: 'Sign with your passkey',
    decline: 'Decline',
  },
  apps: 'Your applications',
  add: 'Add a passkey',
  signIn: {
    pageTitle: 'Sign in with a passkey',
    title: 'Sign in',
    to: (cluster: string) => `to ${cluster}, with the passkey on this device or on your security key`,
    field: 'Passkey',
    select: 'Select one that this browser knows',
    use: 'Use a passkey',
  },
  enrol: {
    for: ['For ', '. This link works once, until ', '.'],
    signInFirst: ['This link is for ', '. Sign in first; then you come back here.'],
    device: 'Continue on the device, or with the security key, that you want to use from now on.',
    create: 'Create the passkey',
    once: 'Each link works once and for 15 minutes.',
    contact: 'Contact',
  },
  invitation: {
    title: 'Your invitation',
    to: (cluster: string) => `You get an account at ${cluster} with the name `,
    until: [' when you create a passkey here. The link works once, until ', '.'],
    device:
      'You sign in with this passkey from now on, without a password. Continue on the device, or with the security key, that you want to use.',
    once: 'An invitation works once and for some days, and can be taken back.',
  },
  keyName: 'Name of the passkey',
  newName: 'My passkey',
  account: {
    title: 'Passkeys',
    local: 'You sign in with a passkey. Keep two, in different places.',
    confirms: 'Some applications ask for a passkey before they open.',
    none: 'You have no passkey yet.',
    continue: 'Continue',
    added: 'Added',
    unused: 'not used yet',
    lastUsed: 'last used',
    hardware: 'hardware passkey',
    synced: 'synced passkey',
    rename: 'Rename',
    renameNamed: (name: string) => `Rename ${name}`,
    remove: 'Remove',
    removeNamed: (name: string) => `Remove ${name}`,
    removeText: (name: string) => `This removes ${name} for good. You confirm with one of your passkeys.`,
    byAdmin: ['To add your first passkey, ask an administrator for a link (', ').'],
    stale: 'To add or remove a passkey, sign in again: your sign-in is more than 10 minutes old.',
    again: 'Sign in again',
    newKeyName: 'Name of the new passkey',
    firstConfirm: 'You will be asked for one of your passkeys first.',
    last: 'Only an administrator can remove your last passkey.',
  },
  /** For the script of the pages. */
  script: {
    /** In place of the browser's own sentences, by the name of its error. */
    reasons: {
      NotAllowedError:
        'This was cancelled or took too long, or your passkey could not check that it is you. Try again.',
      InvalidStateError: 'This passkey has already been added.',
      SecurityError: 'This page is not allowed to use your passkey.',
      AbortError: 'This was cancelled. Try again.',
      NotSupportedError: 'This browser cannot use this kind of passkey.',
    },
    noResponse: 'The hub did not respond. Try again.',
    addedFor: ['Passkey added for ', '.'],
    confirmed: 'Confirmed. Now create the new passkey.',
    signingIn: 'Signing in…',
    saving: 'Saving…',
    waiting: 'Waiting for your passkey…',
    save: 'Save',
    saveName: 'Save the name',
    unsupported: 'This browser cannot use passkeys.',
  },
}

export type Words = typeof en

const de: Words = {
  noScript: 'Passkeys brauchen JavaScript. Erlauben Sie es in diesem Browser.',
  confirm: {
    title: 'Mit Ihrem Passkey bestätigen',
    opens: (app) => [`${app} öffnet sich, wenn Sie bestätigen, dass Sie es sind: `, '.'],
    opensInTerminal: (app) => [
      `msh öffnet ${app} in Ihrem Terminal, wenn Sie bestätigen, dass Sie es sind: `,
      '.',
    ],
    continues: ['Es geht weiter, wenn Sie bestätigen, dass Sie es sind: ', '.'],
    letsProgram: (app) => [
      `Ein Programm macht bei ${app} in Ihrem Namen weiter, wenn Sie bestätigen, dass Sie es sind: `,
      '.',
    ],
    changes: ['Sie ändern diesen Cluster, wenn Sie bestätigen, dass Sie es sind: ', '.'],
    changesNeed: 'Ihre Rolle verlangt für Änderungen an diesem Cluster einen Passkey.',
    onlyIfChanges:
      'Fahren Sie nur fort, wenn Sie gerade selbst etwas geändert haben, im Dashboard oder mit mezctl.',
    onlyIfProgram:
      'Fahren Sie nur fort, wenn Sie dieses Programm selbst benutzen und es gerade danach gefragt hat.',
    onlyIf: 'Fahren Sie nur fort, wenn Sie msh app login gerade selbst gestartet haben.',
    use: 'Passkey verwenden',
    cancel: 'Abbrechen',
    missingTitle: 'Ein Passkey wird gebraucht',
    needs: (app) => `${app} öffnet sich, wenn Sie mit einem Passkey bestätigen.`,
    missing: {
      none: 'Sie haben noch keinen.',
      byAdmin:
        'Sie haben noch keinen. Bitten Sie Ihre Administration um einen Link für Ihren ersten Passkey.',
      hardware:
        'Ihre Rolle verlangt einen Hardware-Passkey, dessen Modell hier zugelassen ist, und Sie haben keinen.',
    },
    doneTitle: 'Bestätigt',
    done: 'Schließen Sie diese Seite und kehren Sie zum Terminal zurück.',
  },
  sign: {
    as: ['Sie unterschreiben das als ', '. Bis dahin wird nichts gesendet.'],
    use: 'Mit Ihrem Passkey unterschreiben',
    decline: 'Ablehnen',
  },
  apps: 'Ihre Anwendungen',
  add: 'Passkey hinzufügen',
  signIn: {
    pageTitle: 'Mit einem Passkey anmelden',
    title: 'Anmelden',
    to: (cluster) => `bei ${cluster}, mit dem Passkey auf diesem Gerät oder auf Ihrem Sicherheitsschlüssel`,
    field: 'Passkey',
    select: 'Einen auswählen, den dieser Browser kennt',
    use: 'Passkey verwenden',
  },
  enrol: {
    for: ['Für ', '. Dieser Link gilt einmal, bis ', '.'],
    signInFirst: ['Dieser Link ist für ', '. Melden Sie sich zuerst an; danach kommen Sie hierher zurück.'],
    device:
      'Fahren Sie auf dem Gerät oder mit dem Sicherheitsschlüssel fort, den Sie von jetzt an verwenden wollen.',
    create: 'Passkey anlegen',
    once: 'Jeder Link gilt einmal und 15 Minuten lang.',
    contact: 'Kontakt',
  },
  invitation: {
    title: 'Ihre Einladung',
    to: (cluster) => `Sie erhalten bei ${cluster} ein Konto mit dem Namen `,
    until: [', sobald Sie hier einen Passkey anlegen. Der Link gilt einmal, bis ', '.'],
    device:
      'Mit diesem Passkey melden Sie sich von jetzt an an, ohne Passwort. Fahren Sie auf dem Gerät oder mit dem Sicherheitsschlüssel fort, den Sie verwenden wollen.',
    once: 'Eine Einladung gilt einmal und einige Tage lang, und sie kann zurückgenommen werden.',
  },
  keyName: 'Name des Passkeys',
  newName: 'Mein Passkey',
  account: {
    title: 'Passkeys',
    local: 'Sie melden sich mit einem Passkey an. Halten Sie zwei bereit, an verschiedenen Orten.',
    confirms: 'Manche Anwendungen verlangen einen Passkey, bevor sie sich öffnen.',
    none: 'Sie haben noch keinen Passkey.',
    continue: 'Weiter',
    added: 'Hinzugefügt',
    unused: 'noch nicht benutzt',
    lastUsed: 'zuletzt benutzt',
    hardware: 'Hardware-Passkey',
    synced: 'synchronisierter Passkey',
    rename: 'Umbenennen',
    renameNamed: (name) => `${name} umbenennen`,
    remove: 'Entfernen',
    removeNamed: (name) => `${name} entfernen`,
    removeText: (name) => `Das entfernt ${name} endgültig. Sie bestätigen es mit einem Ihrer Passkeys.`,
    byAdmin: ['Bitten Sie Ihre Administration um einen Link für Ihren ersten Passkey (', ').'],
    stale:
      'Um einen Passkey hinzuzufügen oder zu entfernen, melden Sie sich noch einmal an: Ihre Anmeldung ist mehr als 10 Minuten alt.',
    again: 'Noch einmal anmelden',
    newKeyName: 'Name des neuen Passkeys',
    firstConfirm: 'Sie werden zuerst nach einem Ihrer Passkeys gefragt.',
    last: 'Nur die Administration kann Ihren letzten Passkey entfernen.',
  },
  script: {
    reasons: {
      NotAllowedError:
        'Das wurde abgebrochen oder hat zu lange gedauert, oder Ihr Passkey konnte nicht prüfen, dass Sie es sind. Versuchen Sie es noch einmal.',
      InvalidStateError: 'Dieser Passkey wurde schon hinzugefügt.',
      SecurityError: 'Diese Seite darf Ihren Passkey nicht verwenden.',
      AbortError: 'Das wurde abgebrochen. Versuchen Sie es noch einmal.',
      NotSupportedError: 'Dieser Browser kann diese Art von Passkey nicht verwenden.',
    },
    noResponse: 'Der Hub hat nicht geantwortet. Versuchen Sie es noch einmal.',
    addedFor: ['Passkey hinzugefügt für ', '.'],
    confirmed: 'Bestätigt. Legen Sie jetzt den neuen Passkey an.',
    signingIn: 'Anmeldung läuft …',
    saving: 'Wird gespeichert …',
    waiting: 'Warten auf Ihren Passkey …',
    save: 'Speichern',
    saveName: 'Namen speichern',
    unsupported: 'Dieser Browser kann keine Passkeys verwenden.',
  },
}

export const texts: Readonly<Record<'en' | 'de', Words>> = { en, de }
