import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  certificate_elsewhere: { status: 409, next: 'The certificate is from files of the configuration or another plugin. Replace the files; the hub loads them by itself.' },
  certificate_imported: { status: 409, next: 'The certificate was imported from a file, so the hub does not renew it. Import a newer one, or remove it.' },
  certificate_invalid: { status: 400, next: 'The file is not a certificate with its chain and key, or does not cover the host. Compare the names in it.' },
  certificate_not_found: { status: 404, next: 'No certificate has this name. `mezctl certs ls` lists them.' },
  order_failed: { next: 'The certificate authority did not issue the certificate. `mezctl certs ls` has its answer.' },
})
