import './style.css'
import './admin/completion.css'
import './admin/frame.css'
import './admin/table.css'
import './admin/list.css'
import './admin/palette.css'
import './admin/form.css'
import './admin/overview.css'
import { render } from 'preact'
import { App } from './admin/app.tsx'
import { loadRights } from './admin/rights.tsx'
import { followLinks } from './admin/router.ts'
import { loadAdminTexts } from './admin/text.ts'
import { connect } from './live.ts'
import { loadTexts } from './text.ts'

const place = document.querySelector<HTMLElement>('#admin')
if (place) {
  await Promise.all([loadTexts(), loadAdminTexts(), loadRights()])
  connect()
  followLinks()
  render(<App />, place)
}
