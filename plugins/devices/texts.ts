/** Texts of the pages about devices, and of their notification. */
const en = {
  title: 'Devices',
  about: 'Phones and other clients that open an application as you with a secret of their own.',
  none: 'You have added none.',
  add: 'Add a device',
  until: 'until',
  first: 'First used',
  last: 'Last used',
  never: 'Not used yet',
  moved: {
    title: (name: string, app: string) => `Your device ${name} for ${app} was used elsewhere`,
    text: (ip: string, agent: string) =>
      `Another program in another network has used it: ${agent === '' ? 'without a name' : agent}, from ${ip}. If that was not you, remove it under "My account".`,
    tag: 'used by another program in another network',
  },
  paths: (paths: readonly string[]) => `only ${paths.join(', ')}`,
  remove: 'Remove',
  removeNamed: (name: string) => `Remove ${name}`,
  removeText: (name: string) => `${name} is refused at once, and its open connections are cut.`,
  form: {
    text: 'For a client that cannot show a sign-in page. It gets a secret that opens this one application as you.',
    app: 'Application',
    name: 'Name of the device',
    days: 'Ends after',
    daysText: (days: number) => `${days} days`,
    idle: 'It also ends after 30 days without use.',
    paths: 'Only these paths (optional, one a line)',
    pathsHelp: 'Each with everything below it, such as /dav.',
    passkey: 'You confirm with your passkey.',
    submit: 'Add the device',
    needsPasskey: (app: string) => `${app}: asks for your passkey, so a device cannot open it`,
    noApps: 'There is no application that a device could open as you.',
  },
  shown: {
    title: (name: string) => `${name} has been added`,
    once: 'This is shown once. Whoever has it opens the application as you until you remove the device.',
    header: 'Header, for clients that can send one',
    user: 'User',
    password: 'Password',
    basic: 'User and password, for clients that ask for them',
    url: 'Address with user and password',
    code: 'The same address as a code for the camera',
    done: 'Done',
  },
}

type Texts = typeof en

const de: Texts = {
  title: 'Geräte',
  about: 'Telefone und andere Programme, die eine Anwendung mit einem eigenen Geheimnis als Sie öffnen.',
  none: 'Sie haben keine hinzugefügt.',
  add: 'Gerät hinzufügen',
  until: 'bis',
  first: 'Zuerst benutzt',
  last: 'Zuletzt benutzt',
  never: 'Noch nicht benutzt',
  moved: {
    title: (name, app) => `Ihr Gerät ${name} für ${app} wurde anderswo benutzt`,
    text: (ip, agent) =>
      `Ein anderes Programm in einem anderen Netz hat es benutzt: ${agent === '' ? 'ohne Namen' : agent}, von ${ip}. Wenn Sie das nicht waren, entfernen Sie es unter „Mein Konto“.`,
    tag: 'von einem anderen Programm in einem anderen Netz benutzt',
  },
  paths: (paths) => `nur ${paths.join(', ')}`,
  remove: 'Entfernen',
  removeNamed: (name) => `${name} entfernen`,
  removeText: (name) => `${name} wird sofort abgewiesen, und offene Verbindungen werden getrennt.`,
  form: {
    text: 'Für ein Programm, das keine Anmeldeseite zeigen kann. Es bekommt ein Geheimnis, das diese eine Anwendung als Sie öffnet.',
    app: 'Anwendung',
    name: 'Name des Geräts',
    days: 'Endet nach',
    daysText: (days) => `${days} Tagen`,
    idle: 'Es endet auch nach 30 Tagen ohne Benutzung.',
    paths: 'Nur diese Pfade (freiwillig, einer je Zeile)',
    pathsHelp: 'Jeder mit allem darunter, zum Beispiel /dav.',
    passkey: 'Sie bestätigen mit Ihrem Passkey.',
    submit: 'Gerät hinzufügen',
    needsPasskey: (app) => `${app}: verlangt Ihren Passkey, ein Gerät kann sie nicht öffnen`,
    noApps: 'Es gibt keine Anwendung, die ein Gerät als Sie öffnen könnte.',
  },
  shown: {
    title: (name) => `${name} wurde hinzugefügt`,
    once: 'Das wird einmal gezeigt. Wer es hat, öffnet die Anwendung als Sie, bis Sie das Gerät entfernen.',
    header: 'Header, für Programme, die einen senden können',
    user: 'Benutzer',
    password: 'Passwort',
    basic: 'Benutzer und Passwort, für Programme, die danach fragen',
    url: 'Adresse mit Benutzer und Passwort',
    code: 'Dieselbe Adresse als Code für die Kamera',
    done: 'Fertig',
  },
}

export const texts: Readonly<Record<'en' | 'de', Texts>> = { en, de }
export type { Texts }
