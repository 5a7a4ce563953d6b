import type { Cloud } from '../cloud.ts'

/** What IAM judges a call by: its own name of the action, one resource, and what the condition keys say of them. */
export interface Right {
  readonly action: string
  /** An ARN, or `*` where the action knows no resource. */
  readonly resource: string
  readonly keys: Readonly<Record<string, readonly string[]>>
}

/** What a row of the tables makes its rights from. */
export type Row<Request> = (cloud: Cloud, request: Request) => readonly Right[]

export const right = (action: string, resource = '*', keys: Right['keys'] = {}): Right => ({ action, resource, keys })

/** `arn:aws:SERVICE:REGION:ACCOUNT:…` */
export function arn({ region, account }: Cloud, service: string, resource: string): string {
  return `arn:aws:${service}:${region}:${account}:${resource}`
}
