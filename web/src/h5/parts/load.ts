/** Loading for pages: at once, again when the connection is back, and lists page by page. */
import { computed, type ComputedRef, onMounted, type Ref, ref, watch } from 'vue'

import { isOnline } from '@/shared/online'
import { useLoad } from '@/shared/submit'

export interface Loaded<Result> {
  data: Readonly<Ref<Result | undefined>>
  loading: Readonly<Ref<boolean>>
  failure: ComputedRef<string>
  reload: () => Promise<void>
}

export interface LoadOptions {
  /** Loads only when told, for what has to wait for something else. */
  manual?: boolean
}

/** Loads when the page comes up, and again when the connection is back after it failed. */
export function useLoaded<Result>(load: () => Promise<Result>, options: LoadOptions = {}): Loaded<Result> {
  const loaded = useLoad(load)
  if (!options.manual) onMounted(() => void loaded.reload())
  watch(isOnline, (online) => {
    if (online && loaded.failure.value !== '') void loaded.reload()
  })
  return loaded
}

export interface Pages<Item> {
  items: ComputedRef<Item[]>
  /** Whether nothing has come yet. */
  isBlank: ComputedRef<boolean>
  hasMore: ComputedRef<boolean>
  loading: Readonly<Ref<boolean>>
  failure: ComputedRef<string>
  more: () => Promise<void>
  /** From the first page on, with as many as are shown. */
  reload: () => Promise<void>
  /** From the first page on, for another choice of what is on the list. */
  restart: () => Promise<void>
}

/** A list that grows at its end. What moves between pages while one reads is not shown twice. */
export function usePages<Item extends { id: number }>(
  load: (page: number) => Promise<{ items: Item[]; total: number }>,
  options: LoadOptions = {},
): Pages<Item> {
  const shown = ref(1)
  const loaded = useLoaded(async () => {
    const pages = await Promise.all(Array.from({ length: shown.value }, (_, at) => load(at + 1)))
    const items = new Map(pages.flatMap((page) => page.items).map((item) => [item.id, item]))
    const size = pages.reduce((sum, page) => sum + page.items.length, 0)
    return { items: [...items.values()], hasMore: size < (pages.at(-1)?.total ?? 0) }
  }, options)
  return {
    items: computed(() => loaded.data.value?.items ?? []),
    isBlank: computed(() => loaded.data.value === undefined),
    hasMore: computed(() => loaded.data.value?.hasMore ?? false),
    loading: loaded.loading,
    failure: loaded.failure,
    async more() {
      shown.value += 1
      await loaded.reload()
    },
    reload: loaded.reload,
    async restart() {
      shown.value = 1
      await loaded.reload()
    },
  }
}
