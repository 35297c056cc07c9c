import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  device_app_unknown: { status: 404, en: 'There is no such application for you.', de: 'Diese Anwendung gibt es für Sie nicht.', next: 'The application does not exist, is not opened by browsers, or no role of the person opens it.' },
  device_invalid: {
    status: 400,
    en: 'Part of the form is missing or not valid. Go back and check it.',
    de: 'Etwas im Formular fehlt oder ist ungültig. Gehen Sie zurück und prüfen Sie es.',
    next: 'A device has a name of 1 to 60 characters, at most 20 paths that begin with a slash, and at most 366 days.',
  },
  device_limit: { status: 409, en: 'You have too many devices. Remove one first.', de: 'Sie haben zu viele Geräte. Entfernen Sie zuerst eines.', next: 'A person has at most 25 devices. Remove one under "My account", or with `mezctl devices rm ID`.' },
  device_misplaced: { next: 'The secret of a device was sent where none belongs, such as a bearer token. Send it in the header `Mezite-Device`, or as the password of Basic.' },
  device_needs_passkey: {
    status: 403,
    en: 'This application asks for your passkey at each sign-in, which a device cannot do. Ask your administrator.',
    de: 'Diese Anwendung verlangt bei jeder Anmeldung Ihren Passkey, was ein Gerät nicht kann. Fragen Sie Ihren Administrator.',
    next: 'A role demands a passkey, and no role of the person has `allow.devices` for the application.',
  },
  device_not_found: { status: 404, en: 'This device does not exist any more.', de: 'Dieses Gerät gibt es nicht mehr.', next: 'The device was removed, has ended, or has never been. `mezctl devices ls` lists them.' },
  device_path_not_allowed: { en: 'This device is for other paths of the application.', de: 'Dieses Gerät ist für andere Pfade der Anwendung.', next: 'The person has limited the device to some paths when it was added. Add another device with the path that the record names.' },
  device_too_old: { en: 'This device was added too long ago. Add it again.', de: 'Dieses Gerät wurde vor zu langer Zeit hinzugefügt. Fügen Sie es neu hinzu.', next: 'The device is older than `allow.devices.max_age` of all roles of the person that have it for this application. The person adds it again.' },
  device_unconfirmed: { status: 403, en: 'Devices are added with a passkey, and this hub has none.', de: 'Geräte werden mit einem Passkey hinzugefügt, und dieser Hub hat keine.', next: 'The plugin `webauthn` is off. Without it nobody can confirm that a device is theirs.' },
  device_unknown: { status: 401, next: 'The secret is malformed, or its device was removed or has ended. Add the device again under "My account".' },
})
