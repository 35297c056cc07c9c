/** Tests of `mezctl` share a process, under the conditions of `quick.test.ts`. */
import './oclif-cli/browser-login.test.ts'
import './oclif-cli/commands.test.ts'
import './oclif-cli/completion.test.ts'
import './oclif-cli/connection.test.ts'
import './oclif-cli/mezctl-audit.test.ts'
import './oclif-cli/mezctl-completion.test.ts'
import './oclif-cli/mezctl-usage.test.ts'
import './oclif-cli/name-checks.test.ts'
