//! JPEG: segments that begin with a marker, and between them the scans' coded data.

use super::{Fault, Picture, Reader, Size, check_size, exif};

const START: [u8; 2] = [0xff, 0xd8];
const END: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const EXIF: &[u8] = b"Exif\0\0";

pub fn clean(bytes: &[u8]) -> Result<Picture, Fault> {
    let mut input = Reader::new(bytes);
    input.expect(&START)?;
    let mut output = Vec::with_capacity(bytes.len());
    let (mut size, mut has_scan, mut orientation) = (None, false, None);
    loop {
        let marker = marker(&mut input)?;
        if marker == END {
            break;
        }
        let length = input.u16_be()?.checked_sub(2).ok_or(Fault::Malformed)?;
        let segment = input.take(usize::from(length))?;
        match marker {
            // Any start of frame; 0xc4, 0xc8 and 0xcc are no such.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if size.is_none() => {
                size = Some(size_of(segment)?);
                push(&mut output, marker, segment);
            }
            START_OF_SCAN if size.is_some() => {
                has_scan = true;
                push(&mut output, marker, segment);
                output.extend_from_slice(coded(&mut input)?);
            }
            // Tables, restart interval, number of lines.
            0xc4 | 0xcc | 0xdb..=0xdd => push(&mut output, marker, segment),
            0xe0 if segment.starts_with(b"JFIF\0") => push_jfif(&mut output, segment)?,
            0xe1 if orientation.is_none() => {
                orientation = segment.strip_prefix(EXIF).and_then(exif::orientation);
            }
            // Colours depend on these two.
            0xe2 if segment.starts_with(b"ICC_PROFILE\0") => push(&mut output, marker, segment),
            0xee if segment.starts_with(b"Adobe") => push(&mut output, marker, segment),
            // Other applications' data and comments.
            0xe0..=0xef | 0xfe => {}
            _ => return Err(Fault::Malformed),
        }
    }
    let (width, height) = size.filter(|_| has_scan).ok_or(Fault::Malformed)?;
    let mut whole = START.to_vec();
    if let Some(orientation) = orientation {
        push(&mut whole, 0xe1, &[EXIF, &exif::with_orientation(orientation)].concat());
    }
    whole.append(&mut output);
    whole.extend_from_slice(&[0xff, END]);
    Ok(Picture { bytes: whole, width, height })
}

/// The next marker, which any number of 0xff may stand before.
fn marker(input: &mut Reader<'_>) -> Result<u8, Fault> {
    input.expect(&[0xff])?;
    loop {
        match input.u8()? {
            0xff => {}
            marker => return Ok(marker),
        }
    }
}

/// A scan's data: up to a marker that is no restart. In it 0xff is written 0xff 0x00.
fn coded<'b>(input: &mut Reader<'b>) -> Result<&'b [u8], Fault> {
    input.take_until(|first, second| first == 0xff && !matches!(second, 0x00 | 0xd0..=0xd7 | 0xff))
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
