/** Words after which a command line carries a secret. */
const NAMED =
  /((?:password|passwd|secret|token|api[_-]?key|authorization|bearer)["']?\s{0,2}[=:\s]\s{0,2}["']?(?:(?:bearer|basic|token)\s)?)([^\s"']{1,512})/gi
/** An access key's id (IAM User Guide, "Unique identifiers"), and a URL's user and password. */
const KEY_ID = /\b(?:AKIA|ASIA)[A-Z0-9]{12,20}\b/g
const IN_URL = /(\/\/[^\s/:@]{1,128}:)[^\s/@]{1,256}@/g

/**
 * A command as it may stand on a ticket: what looks like a secret becomes `***`. A help, no guarantee. Each repetition is
 * bounded, so that the time stays linear in the text's length.
 */
export function masked(text: string): string {
  return text.replace(IN_URL, '$1***@').replace(KEY_ID, '***').replace(NAMED, '$1***')
}
