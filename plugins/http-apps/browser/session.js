// Warns before this app's session ends and renews it in a small window, while the page stays as it is.
// Served without comments and indentation; see session-routes.ts.
;(() => {
  // Absolute, because a page may set its own <base>.
  const base = `${location.origin}/.mezite/`
  const lang = navigator.languages.find((one) => /^(de|en)\b/.test(one)) ?? 'en'
  const [over, signIn, other, reload, soon, renew, close, needs, confirm] = /^de/.test(lang)
    ? [
        'Ihre Sitzung ist beendet. Diese Seite bleibt, wie sie ist.',
        'Anmelden',
        'Sie sind jetzt angemeldet als ',
        'Neu laden',
        'Ihre Sitzung endet um ',
        'Erneuern',
        'Schließen',
        'Dafür wird Ihre Bestätigung gebraucht.',
        'Bestätigen',
      ]
    : [
        'Your session has ended. This page stays as it is.',
        'Sign in',
        'You are now signed in as ',
        'Reload',
        'Your session ends at ',
        'Renew',
        'Close',
        'This needs your confirmation.',
        'Confirm',
      ]
  let user, whose, ends, warns, denied, challenge, host, text, link, shown, closed, timer, again
  let turn = 0

  function build() {
    host = document.createElement('mezite-session')
    host.lang = lang
    const root = host.attachShadow({ mode: 'open' })
    // A constructed style sheet, because the policy of a page may forbid inline styles. Its values are the hub's design tokens.
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(`:host{all:initial;position:fixed;z-index:2147483647;right:1rem;bottom:1rem;max-width:calc(100vw - 2rem);color-scheme:light dark}
p{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center;margin:0;padding:.75rem 1rem;font:1rem/1.55 system-ui,sans-serif;background:light-dark(#fff,#151920);color:light-dark(#12161d,#e9ecf2);border:1px solid light-dark(#e2e5eb,#272d38);border-radius:.875rem;box-shadow:0 .5rem 1.5rem #0003}
span{flex:1 12rem}
a,button{font:inherit;font-weight:550;padding:.25rem 1rem;border:1px solid light-dark(#8a93a3,#68728a);border-radius:.5rem;background:none;color:inherit;cursor:pointer}
a{text-decoration:none;border-color:#0000;background:light-dark(#2f55d4,#93adff);color:light-dark(#fff,#0b1124)}`)
    root.adoptedStyleSheets = [sheet]
    const box = document.createElement('p')
    const add = (name) => box.appendChild(document.createElement(name))
    text = add('span')
    text.role = 'status'
    link = add('a')
    link.target = '_blank'
    link.rel = 'noopener'
    link.onclick = (event) => {
      if (link.textContent === reload) location.reload()
      else {
        const small = open(link.href, '_blank', 'popup,width=520,height=720')
        // Where small windows are blocked, the link opens a tab.
        if (!small) return
        small.opener = null
      }
      event.preventDefault()
    }
    const button = add('button')
    button.textContent = close
    button.onclick = () => hide(shown)
    root.append(box)
  }

  /** `state` is what the person can close until something else is to be said. */
  function show(state, label, words = state) {
    if (state === shown || state === closed) return
    if (!host) build()
    document.documentElement.append(host)
    shown = state
    link.textContent = label
    link.href = state === needs ? challenge : `${base}renew`
    text.textContent = words
  }

  function hide(state) {
    closed = state
    shown = 0
    host?.remove()
  }

  /** Updates the notice by the clock alone. */
  function look() {
    const now = Date.now()
    const time = { hour: 'numeric', minute: '2-digit' }
    if (denied) show(denied, reload)
    else if (now >= ends) show(over, signIn)
    else if (challenge) show(needs, confirm)
    else if (user !== whose) show(other, reload, `${other + whose}.`)
    else if (now >= warns) show(soon, renew, `${soon + new Date(ends).toLocaleTimeString([], time)}.`)
    else hide()
  }

  async function ask() {
    const mine = ++turn
    clearTimeout(timer)
    look()
    const was = ends
    try {
      const res = await (!document.hidden &&
        fetch(`${base}session-status`, { signal: AbortSignal.timeout(9e3) }))
      const body = res && (await res.json())
      if (mine !== turn) return
      if (res) denied = res.status === 403 && body.detail
      if (res.ok) {
        whose = body.user
        user ??= whose
        ends = Date.now() + body.seconds_left * 1e3
        warns = ends - body.warn_seconds * 1e3
      } else if (res.status === 401) ends = 0
    } catch {}
    if (mine !== turn) return
    look()
    const now = Date.now()
    // A renewal before the end has cut open streams too. The session of another person does not count.
    if (now < ends && user === whose && (again || was <= now)) {
      again = 0
      dispatchEvent(new Event('mezite-renewed'))
    }
    const next = [warns, ends].find((at) => at > now) - now || 6e4
    timer = setTimeout(ask, Math.min(next + 50, 6e4))
  }

  try {
    new BroadcastChannel('mezite-session').onmessage = () => {
      again = 1
      challenge = 0
      ask()
    }
  } catch {}
  // A page that got 401 with a challenge_url: it sends its request again on `mezite-renewed`.
  addEventListener('mezite-confirm', ({ detail }) => {
    if (!/^\w+s:\/\//.test(detail)) return
    challenge = detail
    closed = 0
    look()
  })
  for (const name of ['focus', 'pageshow', 'mezite-check']) addEventListener(name, ask)
  document.addEventListener('visibilitychange', ask)
  ask()
})()
