import type { App } from './apps.tsx'
import { CheckField, ChoiceField, readNames, readPairs, TextField, writePairs } from './fields.tsx'
import { a, said } from './text.ts'

type Spec = App['spec']

/** The JSON Schema of an app's keys, for their descriptions. */
export type Help = Readonly<
  Record<
    string,
    { readonly description?: string; readonly default?: unknown; readonly properties?: Help } | undefined
  >
>

/** The descriptions in the reader's language, as far as they are translated. */
export const inLanguage = (help: Help): Help =>
  Object.fromEntries(
    Object.entries(help).map(([key, one]) => [
      key,
      one && {
        ...one,
        ...(one.description !== undefined && { description: said(one.description) }),
        ...(one.properties && { properties: inLanguage(one.properties) }),
      },
    ]),
  )

const PRESETS = [
  ...['', 'chart', 'pulse', 'build', 'code', 'book', 'database', 'terminal', 'shield', 'mail', 'chat'],
  ...['folder', 'check', 'play', 'globe', 'cloud', 'server', 'calendar', 'money'],
]
const MOST_ICON_BYTES = 48_000

/** The keys of an app that most apps leave at their defaults, each with its description. */
export function SpecFields(props: {
  readonly spec: Spec
  readonly help: Help
  readonly faults: Readonly<Record<string, string>>
  onChange(change: Partial<Spec>): void
}) {
  const { spec, help, faults, onChange } = props
  const { display = {}, tls = {}, timeouts = {}, http = {}, headers = {} } = spec
  const inner = (key: string, name: string) => help[key]?.properties?.[name]?.description
  const usual = (key: string, name: string) => String(help[key]?.properties?.[name]?.default ?? '')
  const part = <Key extends keyof Spec>(key: Key, change: object) => {
    const merged = Object.entries({ ...(spec[key] as object | undefined), ...change })
    const kept = Object.fromEntries(merged.filter(([, value]) => value !== undefined && value !== ''))
    onChange({ [key]: Object.keys(kept).length > 0 ? kept : undefined } as Partial<Spec>)
  }
  const text = (
    key: 'display' | 'tls' | 'timeouts' | 'rewrite',
    name: string,
    label: string,
    lines?: number,
  ) => (
    <TextField
      label={label}
      help={inner(key, name)}
      value={String((spec[key] as Record<string, unknown> | undefined)?.[name] ?? '')}
      placeholder={usual(key, name)}
      error={faults[`spec.${key}.${name}`]}
      {...(lines ? { lines } : {})}
      onChange={(value) => part(key, { [name]: value })}
    />
  )
  return (
    <>
      <details class="panel" open={Object.keys(display).length > 0}>
        <summary>{a('launcherCard')}</summary>
        {text('display', 'name', a('name'))}
        {text('display', 'description', a('description'))}
        {text('display', 'group', a('group'))}
        <ChoiceField
          label={a('icon')}
          help={inner('display', 'icon')}
          value={display.icon?.startsWith('data:') ? 'uploaded' : (display.icon ?? '')}
          options={[
            ...PRESETS.map((preset) => [preset, preset === '' ? a('automatic') : said(preset)] as const),
            ...(display.icon?.startsWith('data:') ? [['uploaded', a('uploaded')] as const] : []),
          ]}
          onChange={(icon) => icon !== 'uploaded' && part('display', { icon })}
        />
        <label class="field">
          {a('uploadIcon')}
          <input
            type="file"
            accept="image/png,image/jpeg,image/webp"
            onChange={async (event) => {
              const [file] = event.currentTarget.files ?? []
              if (file && file.size <= MOST_ICON_BYTES) part('display', { icon: await dataUrl(file) })
              else event.currentTarget.value = ''
            }}
          />
          <span class="help">{a('uploadHelp')}</span>
        </label>
      </details>
      <details class="panel">
        <summary>{a('addressAndProtocol')}</summary>
        <TextField
          label={a('publicName')}
          help={help.public_addr?.description}
          value={spec.public_addr ?? ''}
          error={faults['spec.public_addr']}
          onChange={(public_addr) => onChange({ public_addr })}
        />
        <TextField
          label={a('protocol')}
          help={help.protocol?.description}
          value={spec.protocol ?? ''}
          error={faults['spec.protocol']}
          options={['http', 'tcp']}
          onChange={(protocol) => onChange({ protocol })}
        />
        <ChoiceField
          label={a('httpVersion')}
          help={inner('http', 'version')}
          value={http.version ?? '1.1'}
          options={['1.1', 'h2', 'h2c', 'auto'].map((one) => [one, one] as const)}
          onChange={(version) => part('http', { version })}
        />
        {text('rewrite', 'host', a('hostHeader'))}
        <TextField
          label={a('origins')}
          help={help.origins?.description}
          value={(spec.origins ?? []).join('\n')}
          lines={2}
          onChange={(value) => onChange({ origins: readNames(value) })}
        />
      </details>
      <details class="panel">
        <summary>{a('tlsToApp')}</summary>
        <CheckField
          label={a('verifyCertificate')}
          help={inner('tls', 'verify')}
          value={tls.verify ?? true}
          onChange={(verify) => part('tls', { verify })}
        />
        {text('tls', 'server_name', a('serverName'))}
        {text('tls', 'ca', a('ca'), 4)}
      </details>
      <details class="panel">
        <summary>{a('headersAndIdentity')}</summary>
        <TextField
          label={a('identityHeaders')}
          help={help.identity_headers?.description}
          value={writePairs(spec.identity_headers)}
          placeholder="X-Remote-User=user"
          lines={2}
          onChange={(value) =>
            onChange({ identity_headers: readPairs(value) as Spec['identity_headers'] & object })
          }
        />
        {(['request', 'response'] as const).map((way) => (
          <div key={way}>
            <TextField
              label={way === 'request' ? a('setRequestHeaders') : a('setResponseHeaders')}
              help={help.headers?.properties?.[way]?.properties?.set?.description}
              value={writePairs(constantLines(headers[way]?.set))}
              lines={2}
              onChange={(value) =>
                part('headers', {
                  [way]: { ...headers[way], set: { ...secretLines(headers[way]?.set), ...readPairs(value) } },
                })
              }
            />
            <TextField
              label={way === 'request' ? a('removeRequestHeaders') : a('removeResponseHeaders')}
              help={help.headers?.properties?.[way]?.properties?.remove?.description}
              value={(headers[way]?.remove ?? []).join(' ')}
              onChange={(value) => part('headers', { [way]: { ...headers[way], remove: readNames(value) } })}
            />
          </div>
        ))}
      </details>
      <details class="panel">
        <summary>{a('timeouts')}</summary>
        {Object.keys(help.timeouts?.properties ?? timeouts).map((name) => text('timeouts', name, name))}
      </details>
    </>
  )
}

type Lines = Readonly<Record<string, unknown>>

/** The lines that the form shows. */
const constantLines = (set: Lines = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(set).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )

/** The lines with a stored secret, which the form keeps as they are. */
const secretLines = (set: Lines = {}): Lines =>
  Object.fromEntries(Object.entries(set).filter(([, value]) => typeof value !== 'string'))

const dataUrl = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })
