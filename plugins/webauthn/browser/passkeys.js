/** The script of the passkey pages. A classic script for strict policies: no inline code, no other host. */
;(() => {
  const card = document.querySelector('[data-passkey]')
  if (!card) return
  const { startAuthentication, startRegistration, browserSupportsWebAuthn, browserSupportsWebAuthnAutofill } =
    globalThis.SimpleWebAuthnBrowser
  const status = card.querySelector('.status')

  /** The texts of this page's language. */
  const words = JSON.parse(card.dataset.words)
  const { reasons, problems } = words
  const reasonOf = ({ name, code, message }) => reasons[name] ?? problems[code] ?? message

  function say(text, bad = false) {
    status.textContent = text
    status.classList.toggle('bad', bad)
  }

  function show(when) {
    for (const one of card.querySelectorAll('[data-when]')) one.hidden = one.dataset.when !== when
  }

  /** Posts JSON; reports a redirect instead of following it. */
  async function post(path, body) {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'manual',
    })
    if (response.type === 'opaqueredirect') return { redirected: true }
    const result = await response.json().catch(() => ({}))
    if (response.ok) return result
    throw Object.assign(new Error(result.detail ?? words.noResponse), {
      code: result.code,
    })
  }

  const assert = ({ options }) => startAuthentication({ optionsJSON: options })
  const create = ({ options }) => startRegistration({ optionsJSON: options })
  const keyName = () => {
    const field = card.querySelector('#name')
    return field.value.trim() || field.defaultValue
  }

  /** Confirms with an existing passkey. */
  async function confirm() {
    const begun = await post('/web/account/confirm/begin', {})
    const { permit } = await post('/web/account/confirm/finish', {
      ceremony: begun.ceremony,
      response: await assert(begun),
    })
    return permit
  }

  const deeds = {
    async mfa() {
      const { state, level } = card.dataset
      const begun = await post('/web/mfa/begin', { state, level })
      const response = await assert(begun)
      const { location } = await post('/web/mfa/finish', { state, ceremony: begun.ceremony, response })
      // The fragment of the app's URL has come along with the redirect to this page.
      globalThis.location.assign(location + globalThis.location.hash)
    },

    async action() {
      const begun = await post('/web/confirm-action/begin', {})
      const response = await assert(begun)
      const { target } = card.dataset
      const { location } = await post('/web/confirm-action/finish', {
        target,
        ceremony: begun.ceremony,
        response,
      })
      globalThis.location.assign(location)
    },

    async program() {
      const { session, app, port } = card.dataset
      const begun = await post('/web/confirm/begin', { session, app })
      const response = await assert(begun)
      const done = { session, app, port, ceremony: begun.ceremony, response }
      const { location } = await post('/web/confirm/finish', done)
      // The dashboard waits in the window that has opened this one.
      globalThis.opener?.postMessage('mezite-confirmed', globalThis.location.origin)
      globalThis.location.assign(location)
    },

    async sign() {
      const { name, id } = card.dataset
      const begun = await post('/web/sign/begin', { name, id })
      const response = await assert(begun)
      const done = { name, id, ceremony: begun.ceremony, response }
      const { location } = await post('/web/sign/finish', done)
      globalThis.location.assign(location)
    },

    async decline() {
      const { name, id } = card.dataset
      const { location } = await post('/web/sign/decline', { name, id })
      globalThis.location.assign(location)
    },

    async 'sign-in'() {
      const begun = await post('/web/passkey/begin', {})
      await signedIn(begun, await assert(begun))
    },

    async enrol() {
      const begun = await post(`${at}/begin`, { token })
      const response = await create(begun)
      const ready = card.querySelector('[data-user]').textContent
      await post(`${at}/finish`, { token, ceremony: begun.ceremony, response, name: keyName() })
      sessionStorage.removeItem(TOKEN)
      token = ''
      say(words.addedFor.join(ready))
      after = 'done'
    },

    async add() {
      const permit = card.dataset.keys === '0' ? undefined : await confirm()
      if (permit) say(words.confirmed)
      const begun = await post('/web/account/keys/begin', permit ? { permit } : {})
      const response = await create(begun)
      await post('/web/account/keys/finish', { ceremony: begun.ceremony, response, name: keyName() })
      globalThis.location.reload()
    },

    async remove(id) {
      await post('/web/account/keys/remove', { id, permit: await confirm() })
      globalThis.location.reload()
    },

    async rename(id, name) {
      await post('/web/account/keys/rename', { id, name })
      globalThis.location.reload()
    },
  }

  async function signedIn({ ceremony }, response) {
    const { state } = card.dataset
    await post('/web/passkey/finish', { state, ceremony, response })
    globalThis.location.assign(`/web/continue?state=${encodeURIComponent(state)}`)
  }

  /** A challenge is valid for a minute, so a new one is offered before it expires. */
  const OFFER_MS = 50_000

  /** Offers passkeys in the field of the sign-in page until the person chooses one or uses the button. */
  async function offer() {
    if (!(await browserSupportsWebAuthnAutofill())) return
    card.querySelector('[data-autofill]').hidden = false
    while (!busy) {
      let begun
      try {
        begun = await post('/web/passkey/begin', {})
      } catch {
        return
      }
      const late = setTimeout(
        () => globalThis.SimpleWebAuthnBrowser.WebAuthnAbortService.cancelCeremony(),
        OFFER_MS,
      )
      try {
        const response = await startAuthentication({ optionsJSON: begun.options, useBrowserAutofill: true })
        busy = true
        say(words.signingIn)
        await signedIn(begun, response)
        return
      } catch (error) {
        busy = false
        // The button, or the end of the offer, has cancelled it.
        if (error.name === 'AbortError') continue
        // Nobody has asked for it yet, and the button remains.
        if (error.name === 'NotSupportedError') {
          card.querySelector('[data-autofill]').hidden = true
          return
        }
        return void say(reasonOf(error), true)
      } finally {
        clearTimeout(late)
      }
    }
  }

  /** The token of an enrolment link survives a sign-in in this tab, and leaves the address bar at once; so does that of an invitation. */
  const { at = '/web/enrol' } = card.dataset
  const TOKEN = `mezite-enrolment${at}`
  let token = ''
  let after = ''

  async function look() {
    token = globalThis.location.hash.slice(1) || sessionStorage.getItem(TOKEN) || ''
    history.replaceState(null, '', at)
    sessionStorage.setItem(TOKEN, token)
    try {
      const { user, expires, sign_in } = await post(`${at}/look`, { token })
      for (const one of card.querySelectorAll('[data-user]')) one.textContent = user
      const time = card.querySelector('[data-expires]')
      time.dateTime = expires
      time.title = expires
      const style = at === '/web/enrol' ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }
      time.textContent = new Date(expires).toLocaleString([], style)
      after = 'ready'
      show(sign_in ? 'login_required' : 'ready')
    } catch (error) {
      sessionStorage.removeItem(TOKEN)
      say(reasonOf(error), true)
      show(error.code ?? '')
    }
  }

  let busy = false
  async function run(deed, ...args) {
    if (busy) return
    busy = true
    if (deed !== 'enrol') show('')
    say(deed === 'rename' ? words.saving : words.waiting)
    try {
      await deeds[deed](...args)
      if (deed === 'enrol') show(after)
    } catch (error) {
      say(reasonOf(error), true)
      if (deed === 'enrol' && !['login_required', 'link_refused'].includes(error.code)) show('ready')
      else show(error.code ?? '')
    } finally {
      busy = false
    }
  }

  /** Edits a name in place: the button and Enter save it, Escape cancels. */
  function edit(row, button) {
    const open = row.querySelector('input')
    if (open) return keep(row, open)
    const label = row.querySelector('[data-name]')
    const { textContent, ariaLabel } = button
    const input = document.createElement('input')
    input.value = label.textContent
    input.maxLength = 64
    input.setAttribute('aria-label', words.keyName)
    label.replaceWith(input)
    input.focus()
    Object.assign(button, { textContent: words.save, ariaLabel: words.saveName })
    input.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') keep(row, input)
      if (key !== 'Escape') return
      input.replaceWith(label)
      Object.assign(button, { textContent, ariaLabel })
    })
  }

  function keep(row, input) {
    if (input.value.trim()) run('rename', row.dataset.key, input.value.trim())
  }

  card.addEventListener('click', ({ target }) => {
    const button = target.closest('button')
    if (!button) return
    const row = button.closest('[data-key]')
    if ('go' in button.dataset) run(card.dataset.passkey)
    else if ('decline' in button.dataset) run('decline')
    else if ('add' in button.dataset) run('add')
    else if ('remove' in button.dataset) run('remove', row.dataset.key)
    else if ('rename' in button.dataset) edit(row, button)
  })

  if (!browserSupportsWebAuthn()) say(words.unsupported, true)
  else if (card.dataset.passkey === 'sign-in') offer()
  if (card.dataset.passkey === 'enrol') look()
})()
