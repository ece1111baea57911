//! Whether a JPEG's coded data hold every pixel, and what follows them: its codes are read one after the other, but none is
//! made a picture of. Baseline and progressive ones with Huffman codes are understood, as browsers show.

use super::{START_OF_SCAN, coded, next};
use crate::images::Reader;

/// No picture has more scans than this; each may cost as much as the picture has blocks.
const MOST_SCANS: u32 = 100;

/// How many bytes follow in the last scan of a well-formed JPEG that its pixels do not need; nothing when a scan
/// is not whole, or they do not bring every coefficient together.
pub fn surplus(jpeg: &[u8]) -> Option<usize> {
    let mut input = Reader::new(jpeg);
    let (mut tables, mut frame, mut scans, mut surplus) = (Tables::default(), None, 0, 0);
    while let Ok(found) = next(&mut input) {
        match found.marker {
            0xc4 => tables.read_codes(found.segment)?,
            0xdd => tables.interval = Reader::new(found.segment).u16_be().ok()?.into(),
            0xc0..=0xc2 => frame = Some(Frame::read(found.segment, found.marker == 0xc2)?),
            // Arithmetic codes and the like.
            0xc3..=0xcf => return None,
            START_OF_SCAN => {
                scans += 1;
                let frame: &mut Frame = frame.as_mut().filter(|_| scans <= MOST_SCANS)?;
                let scan = Scan::read(found.segment, frame)?;
                surplus = frame.read_scan(&scan, &tables, coded(&mut input))?;
            }
            _ => {}
        }
    }
    let is_whole = frame?.components.iter().all(|component| component.missing.iter().all(|bits| *bits == 0));
    is_whole.then_some(surplus)
}

/// A Huffman code: for each length where its codes begin, how many there are, and their symbols.
#[derive(Clone, Default)]
struct Codes {
    lengths: [(u32, u32, usize); 16],
    symbols: Vec<u8>,
}

#[derive(Default)]
struct Tables {
    dc: [Codes; 4],
    ac: [Codes; 4],
    /// After how many units a restart marker follows; 0: none does.
    interval: u32,
}

impl Tables {
    fn read_codes(&mut self, segment: &[u8]) -> Option<()> {
        let mut input = Reader::new(segment);
        while !input.is_empty() {
            let which = input.u8().ok()?;
            let counts: [u8; 16] = input.array().ok()?;
            let symbols = input.take(counts.iter().map(|count| usize::from(*count)).sum()).ok()?.to_vec();
            let mut lengths = [(0, 0, 0); 16];
            let (mut code, mut at) = (0_u32, 0);
            for (length, count) in lengths.iter_mut().zip(counts) {
                *length = (code, count.into(), at);
                code = (code + u32::from(count)) << 1;
                at += usize::from(count);
            }
            let group = if which >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *group.get_mut(usize::from(which & 15))? = Codes { lengths, symbols };
        }
        Some(())
    }
}

struct Component {
    id: u8,
    across: usize,
    down: usize,
    /// Its own blocks, as a scan of it alone has them.
    wide: usize,
    high: usize,
    /// Blocks a row, with those that fill up the last unit.
    stride: usize,
    /// How many low bits each coefficient still lacks; 255: all of them.
    missing: [u8; 64],
    /// Which coefficients of each block are not zero so far: a later scan has a bit for each of them.
    filled: Vec<u64>,
}

struct Frame {
    is_progressive: bool,
    units_wide: usize,
    units_high: usize,
    components: Vec<Component>,
}

impl Frame {
    fn read(segment: &[u8], is_progressive: bool) -> Option<Self> {
        let mut input = Reader::new(segment);
        input.u8().ok()?;
        let (height, width) = (usize::from(input.u16_be().ok()?), usize::from(input.u16_be().ok()?));
        let count = input.u8().ok()?;
        let mut named = Vec::new();
        for _ in 0..count {
            let [id, sampling, _] = input.array().ok()?;
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            named.push(
                Some((id, across, down)).filter(|_| (1..=4).contains(&across) && (1..=4).contains(&down))?,
            );
        }
        let most_across = named.iter().map(|(_, across, _)| *across).max()?;
        let most_down = named.iter().map(|(_, _, down)| *down).max()?;
        let units_wide = width.div_ceil(8 * most_across);
        let units_high = height.div_ceil(8 * most_down);
        let component = |(id, across, down): (u8, usize, usize)| Component {
            id,
            across,
            down,
            wide: (width * across).div_ceil(8 * most_across),
            high: (height * down).div_ceil(8 * most_down),
            stride: units_wide * across,
            missing: [u8::MAX; 64],
            filled: if is_progressive {
                vec![0; units_wide * across * units_high * down]
            } else {
                Vec::new()
            },
        };
        let components = named.into_iter().map(component).collect();
        Some(Self { is_progressive, units_wide, units_high, components })
    }

    /// Reads one scan and gives how many bytes are left; `None` when its data end before it does.
    fn read_scan(&mut self, scan: &Scan, tables: &Tables, data: &[u8]) -> Option<usize> {
        let mut reading = Reading { bits: Bits { data, byte: 0, left: 0 }, zeros: 0, tables };
        let (wide, high, is_alone) = match scan.parts.as_slice() {
            [part] => (self.components[part.component].wide, self.components[part.component].high, true),
            _ => (self.units_wide, self.units_high, false),
        };
        let mut before_restart = tables.interval;
        for unit in 0..wide * high {
            if tables.interval > 0 && before_restart == 0 {
                reading.bits.restart()?;
                reading.zeros = 0;
                before_restart = tables.interval;
            }
            before_restart = before_restart.saturating_sub(1);
            let (x, y) = (unit % wide, unit / wide);
            for part in &scan.parts {
                let component = &mut self.components[part.component];
                let (across, down) = if is_alone { (1, 1) } else { (component.across, component.down) };
                for block in 0..across * down {
                    let at = (y * down + block / across) * component.stride + x * across + block % across;
                    let filled = component.filled.get_mut(at);
                    match filled.filter(|_| self.is_progressive) {
                        Some(filled) => reading.progressive(scan, part, filled)?,
                        None => reading.baseline(part)?,
                    }
                }
            }
        }
        for part in &scan.parts {
            self.components[part.component].missing[scan.from..=scan.to].fill(scan.low);
        }
        Some(reading.bits.data.len())
    }
}

/// A component's part in a scan.
struct Part {
    component: usize,
    dc: usize,
    ac: usize,
}

struct Scan {
    parts: Vec<Part>,
    /// The coefficients it brings, and how many of their low bits it leaves to later scans.
    from: usize,
    to: usize,
    low: u8,
    /// Whether it adds a bit to what earlier scans brought.
    refines: bool,
}

impl Scan {
    fn read(segment: &[u8], frame: &Frame) -> Option<Self> {
        let mut input = Reader::new(segment);
        let mut parts = Vec::new();
        for _ in 0..input.u8().ok()? {
            let [id, tables] = input.array().ok()?;
            let component = frame.components.iter().position(|component| component.id == id)?;
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            parts.push(Some(Part { component, dc, ac }).filter(|_| dc < 4 && ac < 4)?);
        }
        let [from, to, bits] = input.array().ok()?;
        let (from, to) = if frame.is_progressive { (from.into(), to.into()) } else { (0, 63) };
        let (high, low) = if frame.is_progressive { (bits >> 4, bits & 15) } else { (0, 0) };
        let is_right = (1..=4).contains(&parts.len()) && from <= to && to < 64;
        // Only the first coefficient comes by itself, and only it for several components at once.
        let is_right =
            is_right && (!frame.is_progressive || (from > 0 || to == 0) && (from == 0 || parts.len() == 1));
        is_right.then_some(Self { parts, from, to, low, refines: high > 0 })
    }
}

struct Bits<'b> {
    data: &'b [u8],
    byte: u8,
    left: u8,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let (byte, rest) = match self.data {
                [0xff, 0x00, rest @ ..] => (0xff, rest),
                // A restart that is not due, or the end.
                [0xff, ..] | [] => return None,
                [byte, rest @ ..] => (*byte, rest),
            };
            (self.byte, self.data, self.left) = (byte, rest, 8);
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    fn bits(&mut self, count: u8) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | self.bit()?;
        }
        Some(value)
    }

    fn symbol(&mut self, codes: &Codes) -> Option<u8> {
        let mut code = 0;
        for (first, count, at) in &codes.lengths {
            code = code << 1 | self.bit()?;
            if let Some(nth) = code.checked_sub(*first).filter(|nth| nth < count) {
                return codes.symbols.get(at + usize::try_from(nth).ok()?).copied();
            }
        }
        None
    }

    /// Goes on behind the next restart marker.
    fn restart(&mut self) -> Option<()> {
        let at = self.data.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xd0..=0xd7))?;
        (self.data, self.left) = (&self.data[at + 2..], 0);
        Some(())
    }
}

struct Reading<'b> {
    bits: Bits<'b>,
    /// How many blocks to come bring nothing new.
    zeros: u32,
    tables: &'b Tables,
}

impl Reading<'_> {
    fn baseline(&mut self, part: &Part) -> Option<()> {
        self.first_coefficient(part)?;
        let mut at = 1;
        while at < 64 {
            let symbol = self.bits.symbol(&self.tables.ac[part.ac])?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => at += 16,
                (_, 0) => break,
                (zeros, size) => {
                    self.bits.bits(size)?;
                    at += u32::from(zeros) + 1;
                }
            }
        }
        Some(())
    }

    fn first_coefficient(&mut self, part: &Part) -> Option<()> {
        let size = self.bits.symbol(&self.tables.dc[part.dc])?;
        self.bits.bits(Some(size).filter(|size| *size <= 16)?).map(drop)
    }

    fn progressive(&mut self, scan: &Scan, part: &Part, filled: &mut u64) -> Option<()> {
        match (scan.from, scan.refines) {
            (0, false) => self.first_coefficient(part),
            (0, true) => self.bits.bit().map(drop),
            (_, false) => self.coefficients(scan, part, filled),
            (_, true) => self.refinements(scan, part, filled),
        }
    }

    /// The number of blocks, this one included, that bring nothing (more).
    fn run(&mut self, size: u8) -> Option<u32> {
        Some((1 << size) + self.bits.bits(size)?)
    }

    fn coefficients(&mut self, scan: &Scan, part: &Part, filled: &mut u64) -> Option<()> {
        let mut at = scan.from;
        while self.zeros == 0 && at <= scan.to {
            let symbol = self.bits.symbol(&self.tables.ac[part.ac])?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => at += 16,
                (size, 0) => self.zeros = self.run(size)?,
                (zeros, size) => {
                    self.bits.bits(size)?;
                    at += usize::from(zeros);
                    *filled |= 1_u64.checked_shl(u32::try_from(at).ok()?)?;
                    at += 1;
                }
            }
        }
        self.zeros = self.zeros.saturating_sub(1);
        Some(())
    }

    fn refinements(&mut self, scan: &Scan, part: &Part, filled: &mut u64) -> Option<()> {
        let mut at = scan.from;
        while self.zeros == 0 && at <= scan.to {
            let symbol = self.bits.symbol(&self.tables.ac[part.ac])?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            match (zeros, size) {
                (15, 0) => {}
                (size, 0) => {
                    self.zeros = self.run(size)?;
                    break;
                }
                _ => drop(self.bits.bit()?),
            }
            while at <= scan.to {
                if *filled >> at & 1 == 1 {
                    self.bits.bit()?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            if size > 0 {
                *filled |= 1_u64.checked_shl(u32::try_from(at).ok()?)?;
            }
            at += 1;
        }
        if self.zeros > 0 {
            let rest = (at..=scan.to).filter(|at| *filled >> at & 1 == 1).count();
            for _ in 0..rest {
                self.bits.bit()?;
            }
            self.zeros -= 1;
        }
        Some(())
    }
}
