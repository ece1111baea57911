/**
 * What a document's table says of a reply's fields, and whether a reply keeps to it.
 *
 * A shape is a function of a value and of where it stands; it gives the faults it finds.
 */
const rule = (name, holds) => (value, where) =>
  holds(value) ? [] : [`${where}: ${name} expected, found ${JSON.stringify(value)}`]

const isText = (value) => typeof value === 'string'

export const integer = rule('an integer', Number.isSafeInteger)
export const text = rule('text', isText)
export const bool = rule('true or false', (value) => typeof value === 'boolean')
export const object = rule('an object', isObject)
export const anything = () => []

/** `2021-03-07` */
export const day = matching(/^\d{4}-\d\d-\d\d$/)
/** `2021-03-07 14:32:20` */
export const datetime = matching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
/** `300.00` */
export const money = matching(/^\d+\.\d\d$/)
export const uuid = matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
/** An address a page can show as it is: absolute, and nothing in it that pages cut it at. */
export const picture = matching(/^https?:\/\/[^\s?&=]+$/)

export const exactly = (wanted) => rule(JSON.stringify(wanted), (value) => value === wanted)
export const among = (...wanted) => rule(`one of ${wanted.join(', ')}`, (value) => wanted.includes(value))
export const orNull = (shape) => (value, where) => (value === null ? [] : shape(value, where))
export const either = (first, second) => (value, where) => {
  const faults = first(value, where)
  return faults.length === 0 || second(value, where).length === 0 ? [] : faults
}

/** Every field is there, and of its shape. Other fields may stand beside them. */
export const record = (fields) => (value, where) => {
  if (!isObject(value)) return object(value, where)
  return Object.entries(fields).flatMap(([name, shape]) =>
    Object.hasOwn(value, name) ? shape(value[name], `${where}.${name}`) : [`${where}.${name}: missing`],
  )
}

export const list = (item) => (value, where) => {
  if (!Array.isArray(value)) return [`${where}: a list expected, found ${JSON.stringify(value)}`]
  return value.flatMap((entry, index) => item(entry, `${where}[${index}]`))
}

/** A sentence that can be shown to somebody as it is. */
export const sentence = rule(
  'a sentence in Chinese',
  (value) =>
    isText(value) && /\p{Script=Han}/u.test(value) && !/undefined|null|NaN|\[object|\uFFFD/.test(value),
)

function matching(pattern) {
  return rule(String(pattern), (value) => isText(value) && pattern.test(value))
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
