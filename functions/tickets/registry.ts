import * as z from 'zod'
import type { Clock, TicketTarget } from '../core/ports.ts'
import { webhook } from './webhook/index.ts'
import { WebhookSettings } from './webhook/settings.ts'

/** One line here and one below for each target. */
export const TicketSettings = z.discriminatedUnion('target', [WebhookSettings.extend({ target: z.literal('webhook') })])
export type TicketSettings = z.infer<typeof TicketSettings>

export function openTarget(settings: TicketSettings, clock: Clock): TicketTarget {
  switch (settings.target) {
    case 'webhook':
      return webhook(settings, clock)
  }
}
