/** Tests of the dashboard share a browser and a cluster: both take longer to start than most of them. */
import './plugins/dashboard/administration.test.ts'
import './plugins/dashboard/firefox.test.ts'
import './plugins/dashboard/first-hour.test.ts'
import './plugins/dashboard/keyboard.test.ts'
import './plugins/dashboard/launcher.test.ts'
import './plugins/dashboard/newcomer.test.ts'
import './plugins/dashboard/pages.test.ts'
import './plugins/dashboard/siblings.test.ts'
