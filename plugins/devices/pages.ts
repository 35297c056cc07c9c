import { type App, html, type Pages } from '@mezite/core'
import { DEFAULT_DAYS, type NewDevice, type OfferedApp } from './desk.ts'
import type { Device } from './store.ts'
import type { Texts } from './texts.ts'

type Body = Parameters<Pages['render']>[0]['body']

export const PATH = '/web/devices'
const DAYS = [7, 30, 90, 180, 366]
/** The user of Basic: any other is accepted as well. */
const USER = 'device'

/** A time that the reader's browser shows in its own zone. */
function time(at: number) {
  const text = new Date(at).toISOString()
  return html`<time datetime=${text}>${`${text.slice(0, 16).replace('T', ' ')} UTC`}</time>`
}

const use = (what: string, at: number | null, ip: string | null, agent: string | null) =>
  at === null
    ? null
    : html`<br /><span class="quiet small">${what} ${time(at)} · ${ip ?? ''} · ${agent === null || agent === '' ? '—' : agent}</span>`

/** The section of "My account". */
export function accountSection(
  words: Texts,
  devices: readonly { readonly device: Device; readonly app: string }[],
): Body {
  return html`<section class="card" id="devices">
    <div class="row"><h2>${words.title}</h2><a class="button plain" href=${`${PATH}/new`}>${words.add}</a></div>
    <p class="quiet small">${words.about}</p>
    ${devices.length === 0 ? html`<p class="quiet">${words.none}</p>` : null}
    <ul class="list">${devices.map(({ device, app }) => row(words, device, app))}</ul>
  </section>`
}

function row(words: Texts, device: Device, app: string) {
  const { id, name, expires, paths, moved } = device
  return html`<li data-device=${id}><div>
      <h3>${name}</h3>
      <p class="quiet">${app} · ${words.until} ${time(expires)}${paths.length > 0 ? ` · ${words.paths(paths)}` : ''}
        ${device.first_at === null ? html`<br /><span class="quiet small">${words.never}</span>` : null}
        ${use(words.first, device.first_at, device.first_ip, device.first_agent)}
        ${use(words.last, device.last_at, device.last_ip, device.last_agent)}
      </p>
      ${moved === null ? null : html`<ul class="tags"><li>${words.moved.tag} ${time(moved)}</li></ul>`}
    </div>
    <div class="tools"><details class="confirm">
      <summary class="danger plain" aria-label=${words.removeNamed(name)}>${words.remove}</summary>
      <div>
        <p>${words.removeText(name)}</p>
        <form method="post" action=${`${PATH}/${id}/remove`}><button class="danger small">${words.removeNamed(name)}</button></form>
      </div>
    </details></div></li>`
}

const titleOf = ({ name, display }: App) => display?.name ?? name

/** The form that adds one. */
export function addForm(words: Texts, apps: readonly OfferedApp[], given: NewDevice): Body {
  const { form } = words
  const open = apps.filter(({ needsPasskey }) => !needsPasskey)
  const closed = apps.filter(({ needsPasskey }) => needsPasskey)
  const days = given.days === '' ? String(DEFAULT_DAYS) : given.days
  return html`<div class="card">
    <h1>${words.add}</h1>
    <p>${form.text}</p>
    ${closed.map(({ app }) => html`<p class="quiet small">${form.needsPasskey(titleOf(app))}</p>`)}
    ${
      open.length === 0
        ? html`<p>${form.noApps}</p><div class="actions"><a class="button" href="/web/account#devices">${words.title}</a></div>`
        : html`<form method="post" action=${PATH}>
      <label for="device-app">${form.app}</label>
      <select id="device-app" name="app">${open.map(({ app }) => html`<option value=${app.name} selected=${app.name === given.app}>${titleOf(app)}</option>`)}</select>
      <label for="device-name">${form.name}</label>
      <input id="device-name" name="name" required maxlength="60" autocomplete="off" value=${given.name} />
      <label for="device-days">${form.days}</label>
      <select id="device-days" name="days">${DAYS.map((one) => html`<option value=${String(one)} selected=${String(one) === days}>${form.daysText(one)}</option>`)}</select>
      <p class="quiet small">${form.idle}</p>
      <label for="device-paths">${form.paths}</label>
      <textarea id="device-paths" name="paths" rows="2" maxlength="4000" aria-describedby="device-paths-help">${given.paths}</textarea>
      <p class="quiet small" id="device-paths-help">${form.pathsHelp}</p>
      <p class="quiet small">${form.passkey}</p>
      <div class="actions"><button>${form.submit}</button></div>
    </form>`
    }
  </div>`
}

/** The new device with its secret, which nobody sees again. */
export async function secretPage(
  words: Texts,
  { name, secret, origin }: { readonly name: string; readonly secret: string; readonly origin: string },
): Promise<Body> {
  const { shown } = words
  const url = origin.replace('://', `://${USER}:${secret}@`)
  return html`<div class="card">
    <h1>${shown.title(name)}</h1>
    <p>${shown.once}</p>
    <h2>${shown.header}</h2>
    <p><code data-copy>${`Mezite-Device: ${secret}`}</code></p>
    <h2>${shown.basic}</h2>
    <p>${shown.user}: <code data-copy>${USER}</code><br />${shown.password}: <code data-copy>${secret}</code></p>
    <h2>${shown.url}</h2>
    <p><code data-copy>${`${url}/`}</code></p>
    <h2>${shown.code}</h2>
    <p>${await code(`${url}/`, shown.code)}</p>
    <div class="actions"><a class="button" href="/web/account#devices">${shown.done}</a></div>
  </div>`
}

/** A QR code (ISO/IEC 18004) as a drawing: black on white in both themes, because cameras expect that. */
async function code(text: string, label: string) {
  // Loaded with the first device, because many hubs never have one.
  const { encode } = await import('uqr')
  const { data, size } = encode(text, { ecc: 'L', border: 4 })
  const path = data.flatMap((line, y) => line.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return html`<svg viewBox=${`0 0 ${size} ${size}`} width="264" height="264" role="img" aria-label=${label} shape-rendering="crispEdges"><rect width=${size} height=${size} fill="white" /><path d=${path} fill="black" /></svg>`
}
