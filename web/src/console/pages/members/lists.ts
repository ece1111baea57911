/** The lists that others choose from. */
import type { components } from '@/api/schema'
import { staff } from '@/api/staff'
import { everyRow } from '@/shared/csv'

import { api } from '../../api'

export type Brand = components['schemas']['Brand']
export type Shop = components['schemas']['Shop']
export type Member = components['schemas']['MemberItem']

export function loadBrands(page: number, size: number) {
  return staff(api.GET('/admin/v1/brands', { params: { query: { page, size } } }))
}

export function loadShops(page: number, size: number) {
  return staff(api.GET('/admin/v1/shops', { params: { query: { page, size } } }))
}

export const allBrands = () => everyRow<Brand>(loadBrands)
export const allShops = () => everyRow<Shop>(loadShops)
