// The one script of the hub's pages: local times, ids that copy at a click, and menus that close. Every page works without it.
;(() => {
  const words = document.currentScript?.dataset ?? {}

  /** Shows times in the person's own zone, with UTC in the title. */
  for (const time of document.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime)
    if (Number.isNaN(at.getTime())) continue
    time.title = time.textContent
    const day = time.dataset.show === 'day'
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, {
      dateStyle: 'medium',
      ...(day ? {} : { timeStyle: 'short' }),
    }).format(at)
  }

  const SVG = 'http://www.w3.org/2000/svg'
  function copyIcon() {
    const icon = document.createElementNS(SVG, 'svg')
    icon.setAttribute('class', 'icon')
    icon.setAttribute('viewBox', '0 0 24 24')
    icon.setAttribute('aria-hidden', 'true')
    const path = document.createElementNS(SVG, 'path')
    path.setAttribute('d', 'M9 9h10v11H9zM5 15V4h10')
    icon.append(path)
    return icon
  }

  /** Turns an element with `data-copy` into a button that copies its text. */
  for (const source of document.querySelectorAll('[data-copy]')) {
    if (!navigator.clipboard) break
    const text = source.textContent.trim()
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'copy'
    button.title = words.copy ?? 'Copy'
    button.append(text, copyIcon())
    const status = document.createElement('span')
    status.className = 'visually-hidden'
    status.setAttribute('role', 'status')
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text)
        button.title = status.textContent = words.copied ?? 'Copied'
      } catch {
        getSelection()?.selectAllChildren(button)
      }
    })
    source.replaceWith(button, status)
  }

  /** Open menus and confirmations close with Escape and with a click elsewhere. */
  const open = () => document.querySelectorAll('details.menu[open], details.confirm[open]')
  document.addEventListener('click', ({ target }) => {
    for (const one of open()) if (!one.contains(target)) one.open = false
  })
  document.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return
    for (const one of open()) {
      one.open = false
      one.querySelector('summary').focus()
    }
  })
  for (const button of document.querySelectorAll('[data-close]'))
    button.addEventListener('click', () => {
      button.closest('details').open = false
    })
})()
