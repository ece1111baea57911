/**
 * Texts in two languages, as plain objects of strings and functions: a key that is missing, or a
 * value that is not given, does not compile, and nothing is compiled in the browser.
 */
import { computed, type ComputedRef, ref } from 'vue'

export type Locale = 'zh' | 'en'

const STORED = 'yuyue.locale'

/** The language of the pages: Chinese unless the person switched. */
export const locale = ref<Locale>(localStorage.getItem(STORED) === 'en' ? 'en' : 'zh')

/** Switches the language, and remembers it. */
export function setLocale(to: Locale): void {
  locale.value = to
  localStorage.setItem(STORED, to)
  showLocale()
}

/** The language as HTTP and HTML name it. */
export function languageTag(): string {
  return locale.value === 'zh' ? 'zh-CN' : 'en'
}

function showLocale(): void {
  document.documentElement.lang = languageTag()
}
showLocale()

/** The texts in the language of the pages. */
export function defineText<Texts>(texts: { zh: Texts; en: NoInfer<Texts> }): ComputedRef<Texts> {
  return computed(() => texts[locale.value])
}
