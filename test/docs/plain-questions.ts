/**
 * Questions in the words of people who do not know ours, each with the pages that answer it. They were written from
 * the list of contents, before anybody looked into the pages. The search is tuned to those of even lines only; those of odd lines
 * say how well it answers a question that it has never seen. Correct a page that is named wrongly; never change a question.
 */
const LINES = `
how do i log everyone off at once: how-to/sign-everybody-out
kick out all users now: how-to/sign-everybody-out
force everybody to sign in again: how-to/sign-everybody-out
add another admin: how-to/second-administrator
make my colleague an administrator: how-to/second-administrator
what if the only admin is on holiday: how-to/second-administrator
gdpr: how-to/personal-data
delete the data of a person: how-to/personal-data
what do you store about our employees: how-to/personal-data
how long are logs kept: how-to/personal-data understand/audit-trail look-up/plugin-configuration
allow access only from our office network: how-to/only-from-the-office
restrict an app to an ip range: how-to/only-from-the-office plugins/app-rules
block people who work from home: how-to/only-from-the-office
vpn users only: how-to/only-from-the-office
give an external consultant access until friday: how-to/contractor
freelancer for two weeks: how-to/contractor how-to/temporary-access
guest account that expires: how-to/contractor
somebody quit today what do i do: how-to/colleague-who-left
remove a former employee: how-to/colleague-who-left
offboarding checklist: how-to/colleague-who-left
employee was fired cut access immediately: how-to/colleague-who-left how-to/everyday
do you support ldap: compare/missing how-to/sign-in-providers
active directory: compare/missing how-to/sign-in-providers
saml login: compare/missing how-to/sign-in-providers
does the agent run on windows: compare/missing how-to/install
remote desktop rdp: compare/missing
is there a mobile app: compare/missing how-to/phones
scim provisioning: compare/missing
udp traffic: compare/missing
what is not supported: compare/missing
record ssh sessions: compare/missing compare/others
is there a hosted cloud version: compare/missing
antivirus check of the laptop before access: compare/missing
connect google workspace: how-to/sign-in-providers
log in with microsoft: how-to/sign-in-providers
azure ad entra id setup: how-to/sign-in-providers
okta: how-to/sign-in-providers
use github accounts: how-to/sign-in-providers
redirect uri mismatch: troubleshoot/symptoms how-to/sign-in-providers look-up/reason-codes
map groups to roles: how-to/sign-in-providers how-to/roles
users without email address: how-to/sign-in-providers how-to/everyday look-up/reason-codes
two factor authentication: how-to/passkeys
require a security key for production: how-to/passkeys how-to/roles
yubikey: how-to/passkeys
face id touch id: how-to/passkeys
user lost phone and cannot sign in: troubleshoot/symptoms how-to/passkeys how-to/everyday
sign in without password: how-to/passkeys how-to/everyday
who can open this app: how-to/everyday
why can't anna open grafana: how-to/everyday troubleshoot/symptoms how-to/roles
check what access a user has: how-to/everyday how-to/roles
see who changed a role: how-to/everyday understand/audit-trail
who visited the wiki last week: how-to/everyday understand/audit-trail
export the log to excel: how-to/everyday understand/audit-trail how-to/siem
show failed logins: how-to/everyday understand/audit-trail look-up/audit-events
block a user: how-to/everyday
suspend an account for an hour: how-to/everyday
take an application offline: how-to/everyday
laptop was stolen: how-to/everyday troubleshoot/symptoms how-to/colleague-who-left
read only access to an application: how-to/roles plugins/app-rules
only allow some urls of an app: plugins/app-rules how-to/roles
deny access to admin pages of an app: plugins/app-rules how-to/roles
tags for applications: how-to/roles look-up/app-document
what is the difference between role and label: how-to/roles understand/glossary
test a role before saving: how-to/roles
everybody may open the intranet: how-to/roles
approval workflow: how-to/temporary-access plugins/access-requests plugins/change-approvals
just in time access: how-to/temporary-access plugins/access-requests
on call engineer needs prod for 2 hours: how-to/temporary-access plugins/access-requests
ask a manager for permission: how-to/temporary-access plugins/access-requests
break glass: plugins/change-approvals how-to/temporary-access how-to/everyday troubleshoot/symptoms how-to/second-administrator
publish an internal website: start/first-application how-to/applications
expose a server behind nat: start/idea start/first-application understand/tunnel
do i have to open a firewall port: start/idea look-up/ports understand/tunnel
how does it differ from a vpn: start/idea compare/others
what is it good for: start/idea
quick start: start/demo start/first-application
try it with docker: how-to/containers start/demo
install on ubuntu: how-to/install
debian package: how-to/install
helm chart: how-to/kubernetes
docker compose example: how-to/containers
remove it completely: how-to/uninstall
which operating systems: how-to/install compare/missing
which node version: how-to/install start/demo
system requirements memory cpu: understand/sizing how-to/install
how many users can one server handle: understand/sizing understand/speed
latency overhead: understand/speed
jenkins: how-to/applications
argocd: how-to/applications
nextcloud: how-to/applications
vs code in the browser: how-to/applications
app shows blank page behind the proxy: troubleshoot/symptoms how-to/applications
app redirects to http: how-to/applications troubleshoot/symptoms
websocket does not connect: troubleshoot/symptoms how-to/applications understand/requests
upload of large files fails: troubleshoot/symptoms look-up/limits
cors error: how-to/applications troubleshoot/symptoms plugins/http-apps look-up/app-document
wrong host header: how-to/applications plugins/http-apps look-up/app-document troubleshoot/symptoms
self signed certificate of the backend: how-to/applications look-up/app-document troubleshoot/symptoms
single sign on for grafana: how-to/applications plugins/authorization-server
how does my app know who the user is: how-to/verify-the-caller understand/requests
verify the jwt in python: how-to/verify-the-caller
header with the user name: understand/requests how-to/verify-the-caller
mysql workbench: how-to/databases start/first-database
connect dbeaver to a database: how-to/databases start/first-database
redis: how-to/databases plugins/tcp-apps
ssh to a machine: how-to/databases plugins/tcp-apps
mongodb: how-to/databases plugins/tcp-apps
kubectl access to a cluster: how-to/programs how-to/databases look-up/msh
git clone over https: how-to/programs look-up/msh
docker push to private registry: how-to/programs look-up/msh
curl an internal api: how-to/programs look-up/msh
github actions deploy to internal service: how-to/programs plugins/bots
service account: plugins/bots how-to/programs
cron job needs access: plugins/bots how-to/programs
terraform: how-to/programs look-up/api look-up/documents
automate with the rest api: look-up/api how-to/programs plugins/api-tokens
rotate an api key: plugins/api-tokens how-to/programs plugins/bots how-to/everyday
mcp server for ai assistants: plugins/authorization-server how-to/programs
claude or chatgpt access to internal tools: plugins/authorization-server how-to/programs
let's encrypt: how-to/certificates plugins/acme
wildcard certificate: how-to/certificates plugins/acme
use our own certificate: how-to/certificates
browser says not secure: how-to/certificates troubleshoot/symptoms plugins/local-authority
dns records that i need: how-to/certificates start/first-application start/step-by-step
no internet access on the server: how-to/isolated-network
air gapped: how-to/isolated-network
behind nginx: how-to/load-balancer
aws load balancer health check: how-to/load-balancer
real client ip is missing: how-to/load-balancer
cloudflare in front: how-to/load-balancer how-to/certificates
high availability: how-to/several-hubs
cluster of two servers: how-to/several-hubs
disaster recovery: how-to/backup how-to/two-regions
second data center: how-to/two-regions how-to/several-hubs
use an external database: how-to/postgresql
amazon rds: how-to/postgresql
sqlite or postgres: how-to/postgresql understand/sizing
nightly backup: how-to/backup plugins/backup
i lost the encryption key: how-to/backup troubleshoot/symptoms look-up/error-codes
move to another machine: how-to/backup how-to/postgresql
update to the newest version: how-to/upgrade
roll back a failed upgrade: how-to/upgrade
downtime during upgrade: how-to/upgrade
prometheus: how-to/monitoring look-up/metrics plugins/metrics
grafana dashboard for mezite itself: how-to/monitoring
alert me when an agent is down: how-to/notifications how-to/monitoring
health endpoint: how-to/monitoring look-up/ports how-to/load-balancer
slack message when something breaks: how-to/notifications
email server settings: how-to/notifications
elastic or opensearch: how-to/siem
syslog: how-to/siem
write audit log to a file: plugins/audit-file how-to/siem
is the log tamper proof: understand/audit-trail
soc 2 iso 27001 evidence: understand/security-review how-to/personal-data understand/audit-trail
penetration test report: understand/security-review understand/security
where do passwords end up: understand/security-review understand/security
encryption at rest: understand/security-review understand/security
what can a hacked agent do: understand/security understand/security-review
what if the hub is compromised: understand/security understand/security-review
can you read our traffic: understand/security understand/security-review
how long does a login last: understand/sessions how-to/roles
log out after inactivity: understand/sessions how-to/roles
stay signed in for longer: understand/sessions how-to/roles
users have to sign in too often: understand/sessions troubleshoot/symptoms how-to/roles
how quickly is access removed: understand/sessions
what happens if the agent dies: understand/failures
does it still work when the identity provider is down: understand/failures
quic udp blocked by firewall: understand/tunnel plugins/transport-webtransport
agent behind a corporate proxy: understand/tunnel troubleshoot/symptoms plugins/transport-websocket look-up/configuration how-to/isolated-network
agent says offline: troubleshoot/symptoms
agent cannot join token expired: troubleshoot/symptoms look-up/reason-codes look-up/error-codes
too many requests 429: troubleshoot/symptoms look-up/limits look-up/reason-codes
everything is slow: troubleshoot/symptoms understand/speed
out of memory: troubleshoot/symptoms understand/sizing
clock skew: troubleshoot/symptoms look-up/reason-codes
dashboard does not load: troubleshoot/symptoms plugins/dashboard
cookie problem in safari: troubleshoot/symptoms
i locked myself out: troubleshoot/symptoms how-to/second-administrator how-to/everyday
yaml file reference: look-up/configuration look-up/documents
environment variables: look-up/configuration look-up/mezctl look-up/msh
where is the config file: look-up/configuration how-to/install
change the listening port: look-up/configuration look-up/ports
maximum upload size: look-up/limits
timeout of requests: look-up/limits look-up/app-document
list of all commands: look-up/command-line look-up/mezctl
shell completion: look-up/mezctl look-up/command-line
json output for scripts: look-up/mezctl look-up/command-line
alternative to teleport: compare/others
cloudflare access vs mezite: compare/others
tailscale: compare/others compare/moving
pomerium or boundary: compare/others compare/moving
migrate from oauth2-proxy: compare/moving
replace our openvpn: compare/moving compare/others start/idea
logo and colours of our company: how-to/everyday look-up/configuration
german language: how-to/everyday look-up/configuration plugins/dashboard
bookmark apps on the start page: plugins/dashboard how-to/everyday
onboard a new colleague: how-to/everyday
reset a users passkey: how-to/passkeys how-to/everyday
apps from docker labels automatically: plugins/app-proposals
write my own plugin: build/plugin build/create build/what-a-plugin-can-do
`

interface Question {
  readonly question: string
  readonly answers: readonly string[]
}

/** Forty more, also written from the list of contents before anybody looked into the pages; the search may be tuned to these. */
const MORE = `
someone resigned yesterday: how-to/colleague-who-left
take all rights from an ex employee: how-to/colleague-who-left
external consultant for two weeks: how-to/contractor how-to/temporary-access
give a freelancer access that ends by itself: how-to/contractor how-to/temporary-access
my password manager and passkeys: how-to/passkeys
lost my yubikey: how-to/passkeys start/people how-to/everyday
install on docker compose: how-to/containers how-to/install
helm: how-to/kubernetes
wildcard certificate for my domain: how-to/certificates how-to/hosts-and-domains plugins/acme
use my own certificate authority: how-to/certificates plugins/local-authority
put it behind nginx: how-to/behind-your-proxy how-to/load-balancer
connect microsoft login: how-to/sign-in-providers
which group gets which role: how-to/sign-in-providers how-to/roles
publish a web page inside our network: start/first-application how-to/applications
open psql through it: start/first-database how-to/databases
script that needs access without a human: how-to/programs plugins/bots
calendar sync on my phone: how-to/phones plugins/devices
send alerts to slack: how-to/notifications
splunk: how-to/siem
prometheus scrape: how-to/monitoring plugins/metrics look-up/metrics
restore after the disk broke: how-to/backup plugins/backup
go back to the old version: how-to/upgrade
run two servers for high availability: how-to/several-hubs how-to/load-balancer
second data center: how-to/two-regions how-to/several-hubs
servers without internet: how-to/isolated-network
remove it completely: how-to/uninstall
how many users can one machine handle: understand/sizing understand/speed
which firewall ports must be open: look-up/ports
can somebody change the logs: understand/audit-trail
what happens if the hub crashes: understand/failures
has it been audited by a third party: understand/security-review
difference to teleport: compare/others
coming from cloudflare access: compare/moving compare/others
four eyes principle: plugins/change-approvals
github delivers webhooks to my internal jenkins: how-to/webhooks plugins/public-paths
ask chatgpt about our access: how-to/assistant plugins/mcp
find the user in my backend code: how-to/verify-the-caller
page says 502: troubleshoot/symptoms look-up/error-codes look-up/reason-codes
update the agents automatically: how-to/agent-updates
maximum upload size: look-up/limits
`

const questionsIn = (lines: string): readonly Question[] =>
  lines
    .trim()
    .split('\n')
    .map((line) => {
      const at = line.lastIndexOf(': ')
      return { question: line.slice(0, at), answers: line.slice(at + 2).split(' ') }
    })

const all = questionsIn(LINES)

/** The search may be tuned to these. */
export const known = [...all.filter((_, at) => at % 2 === 0), ...questionsIn(MORE)]
/** The search must not be tuned to these. */
export const unseen = all.filter((_, at) => at % 2 === 1)
