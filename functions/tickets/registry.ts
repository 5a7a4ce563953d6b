import * as z from 'zod'
import type { Clock, TicketTarget } from '../core/ports.ts'
import { github } from './github/index.ts'
import { GithubSettings } from './github/settings.ts'
import { gitlab } from './gitlab/index.ts'
import { GitlabSettings } from './gitlab/settings.ts'
import { jira } from './jira/index.ts'
import { JiraSettings } from './jira/settings.ts'
import { pagerduty } from './pagerduty/index.ts'
import { PagerdutySettings } from './pagerduty/settings.ts'
import { servicenow } from './servicenow/index.ts'
import { ServicenowSettings } from './servicenow/settings.ts'
import { slack } from './slack/index.ts'
import { SlackSettings } from './slack/settings.ts'
import { webhook } from './webhook/index.ts'
import { WebhookSettings } from './webhook/settings.ts'

/** One line here and one below for each target. */
export const TicketSettings = z.discriminatedUnion('target', [
  WebhookSettings,
  GithubSettings,
  GitlabSettings,
  JiraSettings,
  SlackSettings,
  PagerdutySettings,
  ServicenowSettings,
])
export type TicketSettings = z.infer<typeof TicketSettings>

export function openTarget(settings: TicketSettings, clock: Clock): TicketTarget {
  switch (settings.target) {
    case 'webhook':
      return webhook(settings, clock)
    case 'github':
      return github(settings)
    case 'gitlab':
      return gitlab(settings)
    case 'jira':
      return jira(settings)
    case 'slack':
      return slack(settings)
    case 'pagerduty':
      return pagerduty(settings)
    case 'servicenow':
      return servicenow(settings)
  }
}
