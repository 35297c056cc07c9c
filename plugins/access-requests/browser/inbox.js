// Decides about requests with the keyboard: j and k go from one to the next, Enter opens the one with the focus, x marks it, a
// approves and d denies the marked ones, or the one with the focus. Nothing is decided that is neither marked nor has the focus.

{
  const form = document.querySelector('form.inbox')
  const boxes = () => [...form.querySelectorAll('input[type=checkbox]')]
  /** The box of the row that has the focus. */
  const focused = () =>
    document.activeElement?.closest('form.inbox li')?.querySelector('input[type=checkbox]') ?? null

  function move(step) {
    const all = boxes()
    const at = all.indexOf(focused())
    const next =
      all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)]
    next?.focus()
    next?.closest('li').scrollIntoView({ block: 'nearest' })
  }

  function decide(verdict) {
    if (!boxes().some(({ checked }) => checked)) {
      const box = focused()
      if (box === null) return
      box.checked = true
    }
    form.querySelector(`button[value=${verdict}]`).click()
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    a: () => decide('approve'),
    d: () => decide('deny'),
    x: () => focused()?.click(),
  }
  if (form) {
    document.addEventListener('keydown', (event) => {
      const { target, key, repeat } = event
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
      if (key === 'Enter' && target.matches('form.inbox input[type=checkbox]')) {
        event.preventDefault()
        target.closest('li').querySelector('a').click()
        return
      }
      if (target.matches('input:not([type=checkbox]), textarea, select') || !Object.hasOwn(keys, key)) return
      event.preventDefault()
      // A key that is held down goes on through the list, and decides once.
      if (!repeat || key === 'j' || key === 'k') keys[key]()
    })
    // The page stays until the answer is there.
    let sent = false
    form.addEventListener('submit', (event) => {
      if (sent) event.preventDefault()
      sent = true
    })
    addEventListener('pageshow', () => {
      sent = false
    })
  }
}
