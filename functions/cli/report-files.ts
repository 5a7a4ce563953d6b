import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { html, markdown } from '../report/index.ts'

/** Writes the page and the Markdown beside it. Returns where they stand. */
export async function writeReport(
  out: string,
  name: string,
  told: Parameters<typeof html>[0],
): Promise<{ readonly html: string; readonly markdown: string }> {
  const directory = resolve(out)
  await mkdir(directory, { recursive: true })
  const paths = { html: join(directory, `${name}.html`), markdown: join(directory, `${name}.md`) }
  await Promise.all([writeFile(paths.html, html(told)), writeFile(paths.markdown, markdown(told))])
  return paths
}
