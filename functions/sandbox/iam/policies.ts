import * as z from 'zod'
import { Refusal } from '../ec2/refusal.ts'

/** As much of a policy document as the sandbox judges by; what it does not know it refuses, so that nothing is believed. */

const texts = z.union([z.string().transform(one => [one]), z.array(z.string()).min(1)])

const Statement = z.strictObject({
  Sid: z
    .string()
    .regex(/^[A-Za-z0-9]*$/)
    .optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: texts,
  Resource: z.union([z.literal('*'), z.tuple([z.literal('*')])]),
  Condition: z
    .strictObject({
      ArnEquals: z.strictObject({ 'ec2:SourceInstanceARN': texts }).optional(),
      StringEquals: z.strictObject({ 'ec2:SourceInstanceARN': texts }).optional(),
    })
    .optional(),
})

const Policy = z.strictObject({ Version: z.literal('2012-10-17'), Statement: z.array(Statement).min(1) })
type Policy = z.infer<typeof Policy>

/** @throws Refusal MalformedPolicyDocument */
export function parsePolicy(document: string): Policy {
  let json: unknown
  try {
    json = JSON.parse(document)
  } catch {
    throw new Refusal('MalformedPolicyDocument', 'Syntax errors in policy.')
  }
  const parsed = Policy.safeParse(json)
  if (!parsed.success) throw new Refusal('MalformedPolicyDocument', z.prettifyError(parsed.error))
  return parsed.data
}

export interface Asked {
  /** `ec2:DescribeInstances` */
  readonly action: string
  /** ARN of the instance to which the credentials were given. */
  readonly source: string
}

/** A deny decides against every allow; what no statement allows is denied (IAM User Guide, "Policy evaluation logic"). */
export function isAllowed(documents: Iterable<string>, asked: Asked): boolean {
  const statements = [...documents].flatMap(document => parsePolicy(document).Statement)
  const matching = statements.filter(
    one => one.Action.some(action => covers(action, asked.action)) && holds(one, asked),
  )
  return matching.length > 0 && matching.every(({ Effect }) => Effect === 'Allow')
}

/** `*` at the end alone, as the sandbox's policies have it. Actions are told apart without regard to case. */
function covers(pattern: string, action: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), action.toLowerCase()]
  return wanted.endsWith('*') ? given.startsWith(wanted.slice(0, -1)) : wanted === given
}

function holds({ Condition = {} }: Policy['Statement'][number], { source }: Asked): boolean {
  const lists = [Condition.ArnEquals, Condition.StringEquals].flatMap(one =>
    one ? [one['ec2:SourceInstanceARN']] : [],
  )
  return lists.every(list => list.includes(source))
}
