export { html } from './html.ts'
export { markdown } from './markdown.ts'
export { ticketOf } from './ticket.ts'
