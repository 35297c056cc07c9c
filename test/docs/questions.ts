/** Questions as people type them, and the page or section that answers each. */
export const questions: readonly (readonly [question: string, answer: string])[] = [
  ['MEZ_AUDIT_MISSING', 'look-up/error-codes#mez_audit_missing'],
  ['label_mismatch', 'look-up/reason-codes#label_mismatch'],
]
