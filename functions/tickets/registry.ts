import * as z from 'zod'
import type { Clock, TicketTarget } from '../core/ports.ts'
import { github } from './github/index.ts'
import { GithubSettings } from './github/settings.ts'
import { gitlab } from './gitlab/index.ts'
import { GitlabSettings } from './gitlab/settings.ts'
import { webhook } from './webhook/index.ts'
import { WebhookSettings } from './webhook/settings.ts'

/** One line here and one below for each target. */
export const TicketSettings = z.discriminatedUnion('target', [WebhookSettings, GithubSettings, GitlabSettings])
export type TicketSettings = z.infer<typeof TicketSettings>

export function openTarget(settings: TicketSettings, clock: Clock): TicketTarget {
  switch (settings.target) {
    case 'webhook':
      return webhook(settings, clock)
    case 'github':
      return github(settings)
    case 'gitlab':
      return gitlab(settings)
  }
}
