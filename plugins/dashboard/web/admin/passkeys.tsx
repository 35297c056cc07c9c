import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { DialogButton, FormDialog } from './dialogs.tsx'
import { CheckField } from './fields.tsx'
import { LocalListing } from './local-listing.tsx'
import { Copyable, Nothing, Section, Shown, Time } from './parts.tsx'
import type { Person } from './people.tsx'
import { may } from './rights.tsx'
import { a } from './text.ts'

type Passkey = Responses['GET /users/{name}/mfa'][number]

/** A person's passkeys, and a link with which they add one. */
export function Passkeys({ person }: { readonly person: Person }) {
  const { name: user } = person
  const keys = useResource<readonly Passkey[]>(`/users/${encodeURIComponent(user)}/mfa`, [
    'user',
    'key',
    'passkey',
  ])
  return (
    <Section
      title={a('passkeys')}
      tools={
        <DialogButton
          right="passkey.create"
          text={a('enrolmentLink')}
          class="plain small"
          dialog={(close) => <EnrolmentLink person={person} onClose={close} />}
        />
      }
    >
      <Shown of={keys}>
        {(rows) => (
          <LocalListing
            label={a('passkeys')}
            file={`passkeys-${user}.csv`}
            rows={rows}
            keyOf={({ id }) => id}
            columns={[
              {
                title: a('name'),
                value: (key) => key.name ?? '',
                cell: (key) => key.name ?? a('enrolmentLink'),
              },
              {
                title: a('created'),
                value: (key) => key.created ?? '',
                cell: (key) => <Time at={key.created} />,
              },
              {
                title: a('lastUsed'),
                value: (key) => key.last_used ?? '',
                cell: (key) => <Time at={key.last_used} />,
              },
            ]}
            empty={<Nothing title={a('noPasskeys')} />}
          />
        )}
      </Shown>
    </Section>
  )
}

function EnrolmentLink({ person, onClose }: { readonly person: Person; onClose(): void }) {
  const { name: user, connector } = person
  const [link, setLink] = useState<string | null>(null)
  const connectors = useResource<readonly unknown[]>(may('connector.list') ? '/connectors' : null, [
    'connector',
  ])
  const [chosen, setChosen] = useState<boolean | null>(null)
  const signsIn = chosen ?? connectors.data?.length === 0
  const create = async () => {
    const made = await call<Responses['POST /users/{name}/mfa']>(
      'POST',
      `/users/${encodeURIComponent(user)}/mfa`,
      {
        type: 'webauthn',
        ...(connector === null && signsIn ? { sign_in: true } : {}),
      },
    )
    setLink(made.link)
  }
  const help = <p>{a('enrolmentHelp', { name: user })}</p>
  return (
    <FormDialog
      title={a('enrolmentLink')}
      verb={a('createLink')}
      submit={create}
      onClose={onClose}
      result={
        link && (
          <>
            {help}
            <Copyable text={link} />
            <div class="actions">
              <button type="button" class="plain" onClick={onClose}>
                {a('done')}
              </button>
            </div>
          </>
        )
      }
    >
      {help}
      {connector === null && (
        <CheckField
          label={a('passkeyOnly')}
          help={a('passkeyOnlyHelp')}
          value={signsIn}
          onChange={setChosen}
        />
      )}
    </FormDialog>
  )
}
