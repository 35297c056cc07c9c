/** Tests of `msh` share a process, under the conditions of `quick.test.ts`. */
import './oclif-cli/msh-http.test.ts'
import './oclif-cli/msh-hub-connection.test.ts'
import './oclif-cli/msh-login.test.ts'
import './oclif-cli/msh-tcp.test.ts'
import './oclif-cli/msh-web-pages.test.ts'
import './oclif-cli/start-up.test.ts'
