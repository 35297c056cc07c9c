import type { App } from '../../../core/api/app.ts'
import { AdmissionState, grant } from '../../../core/gate/access/admission.ts'
import type { Admission } from '../../../core/protocol.ts'

/** An admission that holds until it is closed, as if a gate had granted it. */
export function admissionTo(app: App): Admission {
  const gate = { confirm: () => true, touch() {}, trail: { denied() {}, failed() {} }, release() {} }
  const context = { protocol: app.protocol, clientIp: '10.0.0.9' }
  return grant(new AdmissionState(gate, app, null, null, context, 'request-1', 0))
}
