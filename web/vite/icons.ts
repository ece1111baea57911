import type { Plugin } from 'vite'

/** Vant's icon font names a copy elsewhere, which the content policy refuses; its own is in the style sheet. */
const elsewhere = /,\s*url\(["']?\/\/[^)]*\)\s*format\(["']woff["']\)/

export function ownIcons(): Plugin {
  return {
    name: 'own-icons',
    enforce: 'pre',
    transform(code, id) {
      if (!/\/vant\/es\/icon\/index\.css/.test(id)) return null
      if (!elsewhere.test(code)) this.error('the icon font is declared otherwise than expected')
      return code.replace(elsewhere, '')
    },
  }
}
