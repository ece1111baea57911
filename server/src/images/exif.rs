//! The one thing of a picture's EXIF data that its looks depend on.

use super::reader::length;
use super::{Fault, Reader};

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// Which way up the picture is (2 to 8) by TIFF data, as EXIF is; `None` if it is upright, or the data
/// is broken, which viewers take for upright too.
pub fn orientation(tiff: &[u8]) -> Option<u8> {
    let found = read(tiff).ok()??;
    u8::try_from(found).ok().filter(|orientation| (2..=8).contains(orientation))
}

fn read(tiff: &[u8]) -> Result<Option<u16>, Fault> {
    let mut header = Reader::new(tiff);
    let is_big_endian = match header.take(4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return Err(Fault::Malformed),
    };
    let u16_of = |reader: &mut Reader<'_>| if is_big_endian { reader.u16_be() } else { reader.u16_le() };
    let u32_of = |reader: &mut Reader<'_>| if is_big_endian { reader.u32_be() } else { reader.u32_le() };
    let start = length(u32_of(&mut header)?)?;
    let mut entries = Reader::new(tiff.get(start..).ok_or(Fault::Malformed)?);
    for _ in 0..u16_of(&mut entries)? {
        let (tag, kind) = (u16_of(&mut entries)?, u16_of(&mut entries)?);
        let (count, value) = (u32_of(&mut entries)?, u16_of(&mut entries)?);
        entries.take(2)?;
        if (tag, kind, count) == (ORIENTATION, SHORT, 1) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// TIFF data that says the orientation and nothing else.
pub fn with_orientation(orientation: u8) -> [u8; 26] {
    let mut tiff = *b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    tiff[19] = orientation;
    tiff
}
