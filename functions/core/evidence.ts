import type { Incident } from './incident.ts'
import type { Outcome } from './ports.ts'

/** The step that collects evidence, by its id in an incident. */
export const COLLECT = 'collect'

/** Names of the facts that the step leaves. */
export const FOLDER = 'folder'
export const FILES = 'files'

/** A file of an incident's evidence. */
export interface EvidenceFile {
  /** Within the incident's folder. */
  readonly name: string
  readonly bytes: number
  /** In hexadecimal digits. */
  readonly sha256: string
  /** Where the store keeps versions: which one it is. */
  readonly version?: string | undefined
}

export interface Evidence {
  /** Where the files lie, as a URL that ends in `/`; empty where nothing was collected. */
  readonly folder: string
  readonly files: readonly EvidenceFile[]
}

/** As `sha256sum` writes them, with size and version between digest and name. */
const FILE = /^([0-9a-f]{64}) (\d{1,15}) (\S{1,1024}) (\S{1,512})$/

export function evidenceFacts({ folder, files }: Evidence): Outcome['facts'] {
  const lines = files.map(({ sha256, bytes, version, name }) => [sha256, bytes, version ?? '-', name].join(' '))
  return { [FOLDER]: folder, [FILES]: lines }
}

/** What an incident's facts say of its evidence. */
export function evidenceOf({ steps }: Incident): Evidence {
  const { [FOLDER]: folder, [FILES]: files } = steps[COLLECT]?.facts ?? {}
  const listed = Array.isArray(files) ? files : []
  return {
    folder: typeof folder === 'string' ? folder : '',
    files: listed.flatMap(text => {
      const [, sha256, bytes, version, name] = FILE.exec(text) ?? []
      if (sha256 === undefined || name === undefined) return []
      return [{ name, bytes: Number(bytes), sha256, ...(version === '-' ? {} : { version }) }]
    }),
  }
}
