/** dynalite carries no types; what the sandbox uses of it (its readme, "API"; it returns an `http.Server`). */
declare module 'dynalite' {
  import type { EventEmitter } from 'node:events'

  function dynalite(options?: { createTableMs?: number; deleteTableMs?: number; updateTableMs?: number }): EventEmitter
  export = dynalite
}
