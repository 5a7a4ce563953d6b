/** What an answer holds. An array becomes `<item>` elements; `undefined` is left out. */
export type Tree = string | number | boolean | Date | undefined | readonly Tree[] | { readonly [name: string]: Tree }

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/'
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

export function answerXml(action: string, requestId: string, tree: Tree): string {
  const name = `${action}Response`
  return `${DECLARATION}<${name} xmlns="${NAMESPACE}">${element('requestId', requestId)}${content(tree)}</${name}>`
}

/** As the Query protocol of services other than EC2 has it: the result in an element of its own, lists of `<member>`. */
export function queryXml(namespace: string, action: string, requestId: string, tree: Tree): string {
  const result = element(`${action}Result`, tree, 'member')
  const metadata = element('ResponseMetadata', { RequestId: requestId })
  return `<${action}Response xmlns="${namespace}">${result}${metadata}</${action}Response>`
}

export function queryErrorXml(namespace: string, code: string, message: string, requestId: string): string {
  const inner = element('Error', { Type: 'Sender', Code: code, Message: message }) + element('RequestId', requestId)
  return `<ErrorResponse xmlns="${namespace}">${inner}</ErrorResponse>`
}

export function errorXml(code: string, message: string, requestId: string): string {
  return `${DECLARATION}${element('Response', {
    Errors: { Error: { Code: code, Message: message } },
    RequestID: requestId,
  })}`
}

/** What an answer holds, without the element around it. */
export function contentXml(tree: Tree): string {
  return content(tree)
}

/** `item` names the members of lists. */
function element(name: string, tree: Tree, item = 'item'): string {
  return tree === undefined ? '' : `<${name}>${content(tree, item)}</${name}>`
}

function content(tree: Tree, item = 'item'): string {
  if (tree === undefined) return ''
  if (typeof tree === 'string') return escaped(tree)
  if (typeof tree === 'number' || typeof tree === 'boolean') return String(tree)
  if (tree instanceof Date) return tree.toISOString()
  if (isList(tree)) return tree.map(one => element(item, one, item)).join('')
  return Object.entries(tree)
    .map(([name, inner]) => element(name, inner, item))
    .join('')
}

function isList(tree: readonly Tree[] | { readonly [name: string]: Tree }): tree is readonly Tree[] {
  return Array.isArray(tree)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\r': '&#xD;',
}

function escaped(text: string): string {
  // What XML 1.0 cannot carry at all is replaced, as a reader would refuse the whole answer.
  return text
    .replace(/[&<>"'\r]/g, found => ENTITIES[found] ?? found)
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
}
