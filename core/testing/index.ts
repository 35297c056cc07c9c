export { type Answer, type Ask, Visitor } from './visitor.ts'
