/** Provinces and cities by their GB/T 2260 codes, from the server's own table. */
import table from '../../../../server/data/regions.tsv?raw'

export interface Region {
  code: number
  name: string
}

/** The lines `code<tab>name`; a province's code ends in four zeros. */
export function parseRegions(lines: string): { provinces: Region[]; cities: Map<number, Region[]> } {
  const provinces: Region[] = []
  const cities = new Map<number, Region[]>()
  for (const line of lines.split('\n')) {
    const [code = '', name = ''] = line.trim().split('\t')
    if (!/^\d{6}$/.test(code)) continue
    const region = { code: Number(code), name }
    const province = Math.floor(region.code / 10_000) * 10_000
    if (province === region.code) provinces.push(region)
    else cities.set(province, [...(cities.get(province) ?? []), region])
  }
  return { provinces, cities }
}

export const regions = parseRegions(table)
