import type { Page } from 'playwright-core'

/** Enough for every page of the tests; a page that holds the focus fails. */
const MOST = 150

/** What a screen reader says of the element with the focus: its label, or its text. */
const SAID = `((one) =>
  (one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent ?? one.textContent ?? '').trim()
)(document.activeElement)`

/** Presses the tab key until something with this name has the focus. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = []
  for (let count = 0; count < MOST; count++) {
    await page.keyboard.press('Tab')
    const said = await page.evaluate<string>(SAID)
    if (name.test(said)) return
    passed.push(said.slice(0, 40))
  }
  throw new Error(`the tab key does not reach ${name}, only ${passed.join(' | ')}`)
}
