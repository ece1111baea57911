/** How the dashboard's charts look. */
import type { EChartsCoreOption } from 'echarts/core'

export interface Series {
  name: string
  values: number[]
  colour: string
}

const GREY = '#55606e'

function frame(places: string[], series: Series[]): EChartsCoreOption {
  return {
    // Redrawn at every sign-in; it should not dance.
    animation: false,
    color: series.map(({ colour }) => colour),
    grid: { left: 8, right: 8, top: 36, bottom: 8, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 10, textStyle: { color: GREY } },
    tooltip: { trigger: 'axis', renderMode: 'richText' },
    xAxis: {
      type: 'category',
      data: places,
      axisLabel: { color: GREY, hideOverlap: true },
      axisTick: { show: false },
    },
    yAxis: {
      type: 'value',
      minInterval: 1,
      axisLabel: { color: GREY },
      splitLine: { lineStyle: { color: '#e8ecf1' } },
    },
  }
}

export function bars(places: string[], series: Series[]): EChartsCoreOption {
  return {
    ...frame(places, series),
    series: series.map(({ name, values }) => ({ type: 'bar', name, data: values, barMaxWidth: 22 })),
  }
}

export function lines(places: string[], series: Series[]): EChartsCoreOption {
  return {
    ...frame(places, series),
    series: series.map(({ name, values }) => ({
      type: 'line',
      name,
      data: values,
      symbolSize: 5,
      lineStyle: { width: 2 },
    })),
  }
}
