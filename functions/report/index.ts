export { html } from './html.ts'
export type { Commands, ReportInput } from './input.ts'
export { markdown } from './markdown.ts'
export { ticketOf } from './ticket.ts'
