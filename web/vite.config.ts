import { fileURLToPath } from 'node:url'

import { VantResolver } from '@vant/auto-import-resolver'
import vue from '@vitejs/plugin-vue'
import components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vitest/config'

import { applications } from './vite/applications'
import { compress } from './vite/compress'
import { ownIcons } from './vite/icons'

const APPLICATIONS = ['console', 'h5', 'kiosk', 'gate']
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  resolve: { alias: { '@': path('./src') } },
  plugins: [
    vue(),
    // Of Vant only what a template uses, with its style. Element Plus is registered whole: it serves the console only.
    components({
      dirs: [],
      dts: false,
      // A built page asks for its script by a query.
      include: /\/src\/(h5|kiosk|gate|shared)\/.*\.vue(\?|$)/,
      resolvers: [VantResolver()],
    }),
    ownIcons(),
    applications(APPLICATIONS),
    compress(),
  ],
  build: {
    outDir: 'dist/pages',
    // A style or script in the page itself would need an exception in the content policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_200,
    rollupOptions: {
      input: ['index.html', ...APPLICATIONS.map((name) => `${name}/index.html`)],
    },
  },
  server: {
    // The table of provinces and cities is the server's own.
    fs: { allow: ['.', '../server/data'] },
    // `npm run dev` beside `make demo`.
    proxy: Object.fromEntries(
      [
        '/v1',
        '/admin',
        '/avaliable-minutes',
        '/homemaking',
        '/demo',
        '/qrcode',
        '/avatar',
        '/auth',
        '/openapi.json',
        '/readyz',
      ]
        .map((prefix) => [prefix, 'http://127.0.0.1:8080'])
        .concat([['/ws', 'ws://127.0.0.1:8080']]),
    ),
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
  },
})
