import type { Incident } from '../../../core/incident.ts'

/** What a shell takes as it is. */
const PLAIN = /^[\w@%+=:,./-]+$/

/** A command line of the AWS CLI. Names that somebody chose stand in single quotes, within which a shell reads nothing. */
export function awsCommand({ region }: Pick<Incident, 'region'>, ...words: readonly string[]): string {
  return ['aws', ...words, '--region', region].map(quotedWord).join(' ')
}

function quotedWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
