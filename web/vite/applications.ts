import type { Plugin } from 'vite'

/** What has an ending is a file, not a page. */
const file = /\.\w+$/

/** While developing, as the server does: every address within an application is its one page. */
export function applications(names: string[]): Plugin {
  return {
    name: 'applications',
    configureServer({ middlewares }) {
      middlewares.use((request, _, next) => {
        const { pathname } = new URL(request.url ?? '/', 'http://localhost')
        const name = pathname.split('/')[1] ?? ''
        if (names.includes(name) && !file.test(pathname)) request.url = `/${name}/index.html`
        next()
      })
    },
  }
}
