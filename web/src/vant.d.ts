/** Templates know `<van-button>` and its like; the build brings in what is used, with its style. */
import type * as vant from 'vant'

type VantComponents = {
  [Name in keyof typeof vant as `Van${Name & string}`]: (typeof vant)[Name]
}

declare module 'vue' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  export interface GlobalComponents extends VantComponents {}
}
