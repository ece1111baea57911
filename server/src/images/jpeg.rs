//! JPEG: segments that begin with a marker, and between them the scans' coded data.
//!
//! Bytes that belong to none are left out, and an end that is missing is added, as viewers do; but then
//! the coded data have to hold every pixel.

mod pixels;

use super::{Fault, Picture, Reader, Size, check_size, exif};

const START: [u8; 2] = [0xff, 0xd8];
const END: u8 = 0xd9;
const END_LENGTH: usize = 2;
const START_OF_SCAN: u8 = 0xda;
const EXIF: &[u8] = b"Exif\0\0";

pub fn clean(bytes: &[u8]) -> Result<Picture, Fault> {
    let mut input = Reader::new(bytes);
    input.expect(&START)?;
    let mut kept = Kept::default();
    let mut is_mended = false;
    loop {
        match next(&mut input) {
            Ok(Next { marker: END, is_behind_stray, .. }) => {
                is_mended |= is_behind_stray;
                break;
            }
            Ok(Next { marker, segment, is_behind_stray }) => {
                is_mended |= is_behind_stray && kept.has_scan;
                kept.take(marker, segment)?;
                if marker == START_OF_SCAN {
                    kept.output.extend_from_slice(coded(&mut input));
                    kept.ends_with_scan = true;
                }
            }
            Err(_) if kept.has_scan => {
                is_mended = true;
                break;
            }
            Err(fault) => return Err(fault),
        }
    }
    let ends_with_scan = kept.ends_with_scan;
    let mut picture = kept.into_picture()?;
    if is_mended {
        let surplus = pixels::surplus(&picture.bytes).ok_or(Fault::Malformed)?;
        // Behind an end that was lost there may be anything.
        if ends_with_scan {
            let end = picture.bytes.len() - END_LENGTH;
            picture.bytes.drain(end - surplus..end);
        }
    }
    Ok(picture)
}

/// What the picture needs, as it is gathered.
#[derive(Default)]
struct Kept {
    output: Vec<u8>,
    size: Option<Size>,
    has_scan: bool,
    /// Whether nothing was kept behind the last scan.
    ends_with_scan: bool,
    orientation: Option<u8>,
}

impl Kept {
    fn take(&mut self, marker: u8, segment: &[u8]) -> Result<(), Fault> {
        self.ends_with_scan = false;
        match marker {
            // Any start of frame; 0xc4, 0xc8 and 0xcc are no such.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if self.size.is_none() => {
                self.size = Some(size_of(segment)?);
                push(&mut self.output, marker, segment);
            }
            START_OF_SCAN if self.size.is_some() => {
                self.has_scan = true;
                push(&mut self.output, marker, segment);
            }
            // Tables, restart interval, number of lines.
            0xc4 | 0xcc | 0xdb..=0xdd => push(&mut self.output, marker, segment),
            0xe0 if segment.starts_with(b"JFIF\0") => push_jfif(&mut self.output, segment)?,
            0xe1 if self.orientation.is_none() => {
                self.orientation = segment.strip_prefix(EXIF).and_then(exif::orientation);
            }
            // Colours depend on these two.
            0xe2 if segment.starts_with(b"ICC_PROFILE\0") => push(&mut self.output, marker, segment),
            0xee if segment.starts_with(b"Adobe") => push(&mut self.output, marker, segment),
            // Other applications' data and comments.
            0xe0..=0xef | 0xfe => {}
            _ => return Err(Fault::Malformed),
        }
        Ok(())
    }

    fn into_picture(mut self) -> Result<Picture, Fault> {
        let (width, height) = self.size.filter(|_| self.has_scan).ok_or(Fault::Malformed)?;
        let mut bytes = START.to_vec();
        if let Some(orientation) = self.orientation {
            push(&mut bytes, 0xe1, &[EXIF, &exif::with_orientation(orientation)].concat());
        }
        bytes.append(&mut self.output);
        bytes.extend_from_slice(&[0xff, END]);
        Ok(Picture { bytes, width, height })
    }
}

/// A marker and its segment; the end has an empty one.
struct Next<'b> {
    marker: u8,
    segment: &'b [u8],
    /// Whether bytes stand before it that belong to nothing.
    is_behind_stray: bool,
}

fn next<'b>(input: &mut Reader<'b>) -> Result<Next<'b>, Fault> {
    // Markers of scans' insides, and those of no picture, do not begin a segment.
    let is_known = |marker: u8| matches!(marker, 0xc0..=0xcf | 0xd9..=0xef | 0xfe);
    let before = input.take_until(|first, second| first == 0xff && is_known(second))?;
    let is_behind_stray = before.iter().any(|byte| *byte != 0xff);
    input.u8()?;
    let marker = input.u8()?;
    if marker == END {
        return Ok(Next { marker, segment: &[], is_behind_stray });
    }
    let length = input.u16_be()?.checked_sub(2).ok_or(Fault::Malformed)?;
    Ok(Next { marker, segment: input.take(usize::from(length))?, is_behind_stray })
}

/// A scan's data: up to a marker that is no restart. In it 0xff is written 0xff 0x00.
fn coded<'b>(input: &mut Reader<'b>) -> &'b [u8] {
    let is_end = |first, second| first == 0xff && !matches!(second, 0x00 | 0xd0..=0xd7 | 0xff);
    input.take_until(is_end).unwrap_or_else(|_| input.rest())
}

fn size_of(segment: &[u8]) -> Result<Size, Fault> {
    let mut frame = Reader::new(segment);
    frame.u8()?;
    let (height, width) = (frame.u16_be()?, frame.u16_be()?);
    let size = (width.into(), height.into());
    check_size(size)?;
    Ok(size)
}

/// Without the thumbnail, which shows what was cut away since.
fn push_jfif(output: &mut Vec<u8>, segment: &[u8]) -> Result<(), Fault> {
    let mut jfif: [u8; 14] = Reader::new(segment).array()?;
    (jfif[12], jfif[13]) = (0, 0);
    push(output, 0xe0, &jfif);
    Ok(())
}

fn push(output: &mut Vec<u8>, marker: u8, segment: &[u8]) {
    let size = u16::try_from(segment.len() + 2).unwrap_or(u16::MAX);
    output.extend_from_slice(&[0xff, marker]);
    output.extend_from_slice(&size.to_be_bytes());
    output.extend_from_slice(segment);
}
