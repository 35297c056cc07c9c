/** Whether the hub serves the documentation: then the navigation of every page has it. */
const served = () => document.querySelector('header nav a[href="/web/docs"]') !== null

/** The address of a page of the documentation; null if the hub does not serve it. */
export const docsPage = (page = ''): string | null =>
  served() ? `/web/docs${page === '' ? '' : `/${page}`}` : null

/** Codes that this page makes itself, without a response of the hub. */
const OWN = ['offline', 'failed', 'unknown', 'unreadable']
const SHAPE = /^[a-z][a-z0-9_]*$/

/** A reason code, which leads to its section of the documentation. */
export function ReasonCode({ code }: { readonly code: string }) {
  const page = SHAPE.test(code) && !OWN.includes(code) ? docsPage('look-up/reason-codes') : null
  const text = <code>{code}</code>
  return page === null ? text : <a href={`${page}#${code}`}>{text}</a>
}
