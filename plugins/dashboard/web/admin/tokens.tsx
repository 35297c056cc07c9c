import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { reload } from '../live.ts'
import { DialogButton, FormDialog, RemoveButton } from './dialogs.tsx'
import { ChoiceField, TextField } from './fields.tsx'
import type { ListAction } from './list-tools.tsx'
import { Listing } from './listing.tsx'
import { Badges, Copyable, Nothing, PageHead, Section, Time } from './parts.tsx'
import { Needs } from './rights.tsx'
import { RoleChoice } from './role-forms.tsx'
import { BASE, place } from './router.ts'
import { a } from './text.ts'

type ApiToken = Responses['GET /api-tokens'][number]
type JoinToken = Responses['GET /tokens'][number]
const KINDS = ['token', 'api-token', 'agent']

/** API tokens of programs, and join tokens of agents. */
export function Tokens() {
  return (
    <>
      <PageHead title={a('tokens')} help={a('tokensHelp')}>
        <DialogButton
          right="api-token.create"
          text={a('addToken')}
          class=""
          isOpen={place.value.query.has('add')}
          dialog={(close) => <AddToken onClose={close} />}
        />
      </PageHead>
      <Needs right="api-token.list">
        <Section title={a('apiTokens')}>
          <Listing<ApiToken>
            path="/api-tokens"
            kinds={KINDS}
            label={a('apiTokens')}
            keyOf={({ id }) => id}
            columns={[
              { title: a('name'), sort: 'name', narrow: 'first', cell: ({ name }) => name },
              { title: a('roles'), narrow: 'second', cell: ({ roles }) => <Badges few names={roles} /> },
              { title: a('createdBy'), cell: ({ creator }) => creator },
              { title: a('created'), sort: 'created', cell: ({ created }) => <Time at={created} /> },
              { title: a('lastUsed'), sort: 'used', cell: ({ used_at }) => <Time at={used_at} /> },
              {
                title: a('ends'),
                sort: 'expires',
                narrow: 'corner',
                cell: ({ expires }) => <Time at={expires} />,
              },
              {
                title: a('action'),
                narrow: 'act',
                cell: (token) => <Remove path="/api-tokens" id={token.id} name={token.name} />,
              },
            ]}
            search={a('tokenFilter')}
            states={{ valid: a('valid'), expired: a('expired') }}
            actions={[removal('/api-tokens')]}
            empty={<Nothing title={a('noTokens')} help={a('noTokensHelp')} />}
          />
        </Section>
      </Needs>
      <Needs right="token.list">
        <Section title={a('joinTokens')} tools={<a href={`${BASE}/agents`}>{a('addAgent')}</a>}>
          <Listing<JoinToken>
            path="/tokens"
            kinds={KINDS}
            label={a('joinTokens')}
            keyOf={({ id }) => id}
            columns={[
              {
                title: a('host'),
                sort: 'agent_hostname',
                narrow: 'first',
                cell: ({ agent_hostname }) => agent_hostname ?? a('anyHost'),
              },
              { title: a('created'), sort: 'created', cell: ({ created }) => <Time at={created} /> },
              {
                title: a('ends'),
                sort: 'expires',
                narrow: 'corner',
                cell: ({ expires }) => <Time at={expires} />,
              },
              { title: a('used'), cell: ({ used_at }) => <Time at={used_at} /> },
              { title: a('id'), narrow: 'second', cell: ({ id }) => <Copyable text={id} short /> },
              {
                title: a('action'),
                narrow: 'act',
                cell: ({ id, agent_hostname }) => (
                  <Remove path="/tokens" id={id} name={agent_hostname ?? id} />
                ),
              },
            ]}
            states={{ unused: a('unused'), used: a('used') }}
            actions={[removal('/tokens')]}
            empty={<Nothing title={a('noJoinTokens')} help={a('noJoinTokensHelp')} />}
          />
        </Section>
      </Needs>
    </>
  )
}

const rightTo = (path: '/api-tokens' | '/tokens') =>
  path === '/tokens' ? 'token.delete' : 'api-token.delete'

const removal = (path: '/api-tokens' | '/tokens'): ListAction<{ readonly id: string }> => ({
  verb: a('remove'),
  right: rightTo(path),
  destructive: true,
  help: a('removeTokenHelp'),
  call: ({ id }) => ['DELETE', `${path}/${encodeURIComponent(id)}`],
})

function Remove(props: {
  readonly path: '/api-tokens' | '/tokens'
  readonly id: string
  readonly name: string
}) {
  const { path, id, name } = props
  const texts = { title: a('removeToken', { name }), help: a('removeTokenHelp') }
  return <RemoveButton right={rightTo(path)} name={name} {...texts} path={`${path}/${id}`} kinds={KINDS} />
}

function AddToken({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<readonly string[]>([])
  const [ttl, setTtl] = useState('2592000')
  const [secret, setSecret] = useState<string | null>(null)
  const submit = async () => {
    const made = await call<Responses['POST /api-tokens']>('POST', '/api-tokens', {
      name,
      roles,
      ttl_seconds: Number(ttl),
    })
    setSecret(made.token)
    reload(KINDS)
  }
  return (
    <FormDialog
      title={a('addToken')}
      verb={a('createToken')}
      ready={name !== '' && roles.length > 0}
      submit={submit}
      onClose={onClose}
      result={
        secret && (
          <>
            <p>{a('tokenOnce')}</p>
            <Copyable text={secret} />
            <div class="actions">
              <button type="button" onClick={onClose}>
                {a('done')}
              </button>
            </div>
          </>
        )
      }
    >
      <TextField label={a('name')} value={name} required placeholder="ci" onChange={setName} />
      <RoleChoice chosen={roles} onChange={setRoles} />
      <ChoiceField
        label={a('validFor')}
        value={ttl}
        options={[
          ['86400', a('days', { count: 1 })],
          ['2592000', a('days', { count: 30 })],
          ['31536000', a('days', { count: 365 })],
        ]}
        onChange={setTtl}
      />
    </FormDialog>
  )
}
