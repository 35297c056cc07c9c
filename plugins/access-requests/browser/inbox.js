// Decides about requests with the keyboard: j and k go from one to the next, x marks, a approves and d denies the marked ones, or
// the one with the focus.

{
  const form = document.querySelector('form.inbox')
  const boxes = () => [...form.querySelectorAll('input[type=checkbox]')]

  function move(step) {
    const all = boxes()
    const at = all.indexOf(document.activeElement)
    const next =
      all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)]
    next?.focus()
    next?.closest('li').scrollIntoView({ block: 'nearest' })
  }

  function decide(verdict) {
    const all = boxes()
    if (!all.some(({ checked }) => checked)) {
      if (!all.includes(document.activeElement)) return
      document.activeElement.checked = true
    }
    form.querySelector(`button[value=${verdict}]`).click()
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    a: () => decide('approve'),
    d: () => decide('deny'),
    x: () =>
      document.activeElement?.matches('form.inbox input[type=checkbox]') && document.activeElement.click(),
  }
  if (form)
    document.addEventListener('keydown', (event) => {
      const { target, key } = event
      if (event.ctrlKey || event.metaKey || event.altKey) return
      if (target.matches('input:not([type=checkbox]), textarea, select') || !Object.hasOwn(keys, key)) return
      event.preventDefault()
      keys[key]()
    })
}
