import { useState } from 'preact/hooks'
import { docsPage } from '../docs.tsx'
import { DocumentEditor } from './document-editor.tsx'
import { ChoiceField } from './fields.tsx'
import { a } from './text.ts'

const SCOPES = ['openid', 'email', 'profile']
const groups = (claim: string, value: string) => ({
  claims_to_roles: [{ claim, value, roles: ['platform'] }],
})

interface Preset {
  readonly title: string
  readonly spec: object
}

/** Specs of well-known providers, as the recipes of the documentation have them. Capitals are to be replaced. */
const PRESETS: Readonly<Record<string, Preset>> = {
  google: {
    title: 'Google',
    spec: {
      issuer_url: 'https://accounts.google.com',
      client_id: 'CLIENT-ID.apps.googleusercontent.com',
      scopes: SCOPES,
      claims_to_roles: [{ claim: 'hd', value: 'example.com', roles: ['platform'] }],
    },
  },
  'entra-id': {
    title: 'Entra ID',
    spec: {
      issuer_url: 'https://login.microsoftonline.com/TENANT-ID/v2.0',
      client_id: 'CLIENT-ID',
      scopes: SCOPES,
      username_claim: 'preferred_username',
      ...groups('groups', 'GROUP-ID'),
    },
  },
  okta: {
    title: 'Okta',
    spec: {
      issuer_url: 'https://ORGANISATION.okta.com',
      client_id: 'CLIENT-ID',
      ...groups('groups', 'platform-team'),
    },
  },
  keycloak: {
    title: 'Keycloak',
    spec: {
      issuer_url: 'https://keycloak.example.com/realms/REALM',
      client_id: 'mezite',
      scopes: SCOPES,
      ...groups('groups', 'platform-team'),
    },
  },
  authentik: {
    title: 'Authentik',
    spec: {
      issuer_url: 'https://authentik.example.com/application/o/mezite/',
      client_id: 'mezite',
      scopes: SCOPES,
      username_claim: 'preferred_username',
      ...groups('groups', 'platform-team'),
    },
  },
  zitadel: {
    title: 'Zitadel',
    spec: {
      issuer_url: 'https://zitadel.example.com',
      client_id: 'CLIENT-ID',
      scopes: SCOPES,
      ...groups('groups', 'platform-team'),
    },
  },
  gitlab: {
    title: 'GitLab',
    spec: {
      issuer_url: 'https://gitlab.example.com',
      client_id: 'CLIENT-ID',
      scopes: SCOPES,
      ...groups('groups_direct', 'example/platform'),
    },
  },
}

const OTHER: Preset = {
  title: '',
  spec: {
    issuer_url: 'https://id.example.com',
    client_id: 'mezite',
    ...groups('groups', 'platform-team'),
  },
}

/** A new provider: the document of a well-known one, or an empty one. */
export function AddProvider() {
  const [chosen, setChosen] = useState('')
  const preset = PRESETS[chosen] ?? OTHER
  const help = chosen === '' ? null : docsPage('how-to/sign-in-providers')
  const document = {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso', description: preset.title || 'Our identity provider' },
    spec: preset.spec,
  }
  return (
    // A new choice begins a new document.
    <DocumentEditor key={chosen} kind="oidc" path="connectors" document={document} tag={null} back="sign-in">
      <div class="filters">
        <ChoiceField
          label={a('provider')}
          value={chosen}
          options={[
            ['', a('otherProvider')],
            ...Object.entries(PRESETS).map(([name, { title }]) => [name, title] as const),
          ]}
          onChange={setChosen}
        />
      </div>
      {help !== null && (
        <a class="docs-link" href={`${help}#${chosen}`}>
          {a('providerRecipe', { name: preset.title })}
        </a>
      )}
    </DocumentEditor>
  )
}
