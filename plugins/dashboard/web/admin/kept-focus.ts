/** Where the focus was: in which cell of which row, and on which page. */
interface Focus {
  readonly on: Element
  readonly row: Element | null
  readonly cell: number
  readonly path: string
}

const ROW = 'tr, li'
const CONTROL = 'a[href], button:not(:disabled), input:not(:disabled), summary'
const controlsIn = (part: Element | undefined): readonly HTMLElement[] =>
  [...(part?.querySelectorAll<HTMLElement>(CONTROL) ?? [])].filter((one) => one.closest('dialog') === null)

/**
 * Whatever has the focus may vanish with its row, by the person's own action or by somebody else's. The focus then goes to the same
 * action of the row that follows, or of the last one, and otherwise to the heading of the list: never to the body, where a screen
 * reader begins again. Returns what ends it.
 */
export function keepFocus(main: HTMLElement): () => void {
  let focus: Focus | null = null
  const onFocus = ({ target }: FocusEvent) => {
    // A dialog gives the focus back to the button that opened it.
    if (!(target instanceof Element) || target.closest('dialog')) return
    const row = main.contains(target) ? target.closest(ROW) : null
    const cell = [...(row?.children ?? [])].findIndex((one) => one.contains(target))
    focus = main.contains(target) ? { on: target, row, cell, path: location.pathname } : null
  }
  // A person who clicks beside it has left it.
  const onPointer = ({ target }: Event) => {
    if (target instanceof Element && !focus?.on.contains(target) && !target.closest('dialog')) focus = null
  }
  const changes = new MutationObserver((records) => {
    if (focus === null || focus.on.isConnected || document.activeElement !== document.body) return
    const { on, row, cell, path } = focus
    const gone = records.find(({ removedNodes }) => [...removedNodes].some((node) => node.contains(on)))
    // A page that opens has the focus as a whole; of a list that becomes longer, its button alone is gone.
    if (!gone || path !== location.pathname || on.matches('.more-button')) return
    const { target, nextSibling, previousSibling } = gone
    const around = row?.isConnected
      ? [row.nextElementSibling, row.previousElementSibling, row]
      : [nextSibling, previousSibling]
    const rows = around.filter(
      (one) => row !== null && one instanceof Element && one.isConnected && one.matches(ROW),
    ) as Element[]
    const place = target instanceof Element && target.isConnected ? target : main
    const next =
      rows.flatMap((one) => controlsIn(one.children[cell]))[0] ??
      rows.flatMap((one) => controlsIn(one))[0] ??
      (place.closest('section') ?? main).querySelector<HTMLElement>('h1, h2, h3') ??
      main
    if (!next.matches(CONTROL)) next.tabIndex = -1
    next.focus({ preventScroll: !next.matches(CONTROL) })
  })
  document.addEventListener('focusin', onFocus)
  document.addEventListener('pointerdown', onPointer)
  changes.observe(main, { childList: true, subtree: true })
  return () => {
    document.removeEventListener('focusin', onFocus)
    document.removeEventListener('pointerdown', onPointer)
    changes.disconnect()
  }
}
