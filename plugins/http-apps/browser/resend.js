// Opens the page of the requirement in a small window, and sends the form again, once, when the window reports that it is met.
;(() => {
  const link = document.querySelector('[data-confirm]')
  const form = document.querySelector('[data-resend]')
  let sent = false
  const send = () => {
    if (sent || !form) return
    sent = true
    // A field may have the name of the method.
    HTMLFormElement.prototype.submit.call(form)
  }
  link.onclick = (event) => {
    const small = open(link.href, '_blank', 'popup,width=520,height=720')
    // Where small windows are blocked, the link opens a tab.
    if (!small) return
    small.opener = null
    event.preventDefault()
  }
  if (form)
    form.onsubmit = () => {
      const first = !sent
      sent = true
      return first
    }
  try {
    new BroadcastChannel('mezite-session').onmessage = send
  } catch {}
  // A page that comes back from the history can be sent again.
  addEventListener('pageshow', (event) => {
    if (event.persisted) sent = false
  })
})()
