//! WebP: chunks of a name, a length and data, in a RIFF file.

use super::reader::length;
use super::{Fault, Frames, Picture, Reader, Size, check_size, exif};

/// Flags of the extended header.
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;

pub fn clean(bytes: &[u8]) -> Result<Picture, Fault> {
    let mut file = Reader::new(bytes);
    file.expect(b"RIFF")?;
    let size = length(file.u32_le()?)?;
    let mut input = Reader::new(file.take(size)?);
    input.expect(b"WEBP")?;
    let mut output = b"RIFF\0\0\0\0WEBP".to_vec();
    let (mut frames, mut canvas, mut flags_at, mut orientation) = (Frames::default(), None, None, None);
    while !input.is_empty() {
        let (name, data) = chunk(&mut input)?;
        let is_first = output.len() == 12;
        match &name {
            b"VP8X" if is_first => {
                canvas = Some(canvas_of(data)?);
                flags_at = Some(output.len() + 8);
                push(&mut output, name, data);
            }
            b"VP8 " | b"VP8L" if is_first || flags_at.is_some() => {
                let size = size_of(name, data)?;
                frames.add(size)?;
                canvas = canvas.or(Some(size));
                push(&mut output, name, data);
            }
            b"ANMF" if flags_at.is_some() => push(&mut output, name, &frame(data, &mut frames)?),
            b"ALPH" | b"ANIM" | b"ICCP" if flags_at.is_some() => push(&mut output, name, data),
            b"EXIF" => {
                let tiff = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
                orientation = orientation.or_else(|| exif::orientation(tiff));
            }
            _ if is_first => return Err(Fault::Malformed),
            _ => {}
        }
    }
    let (width, height) = canvas.filter(|_| !frames.is_empty()).ok_or(Fault::Malformed)?;
    if let Some(at) = flags_at {
        output[at] &= !(HAS_EXIF | HAS_XMP);
        if let Some(orientation) = orientation {
            output[at] |= HAS_EXIF;
            push(&mut output, *b"EXIF", &exif::with_orientation(orientation));
        }
    }
    let size = u32::try_from(output.len() - 8).map_err(|_| Fault::Malformed)?;
    output[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(Picture { bytes: output, width, height })
}

/// Data of odd length is followed by one more byte, which some writers forget at the end.
fn chunk<'b>(input: &mut Reader<'b>) -> Result<([u8; 4], &'b [u8]), Fault> {
    let name = input.array()?;
    let size = length(input.u32_le()?)?;
    let data = input.take(size)?;
    if size % 2 == 1 && !input.is_empty() {
        input.u8()?;
    }
    Ok((name, data))
}

fn push(output: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
    output.extend_from_slice(&name);
    output.extend_from_slice(&size.to_le_bytes());
    output.extend_from_slice(data);
    if data.len() % 2 == 1 {
        output.push(0);
    }
}

fn canvas_of(header: &[u8]) -> Result<Size, Fault> {
    let mut header = Reader::new(header);
    header.take(4)?;
    let size = (header.u24_le()? + 1, header.u24_le()? + 1);
    check_size(size)?;
    Ok(size)
}

/// Width and height that a lossy or lossless picture states.
fn size_of(name: [u8; 4], data: &[u8]) -> Result<Size, Fault> {
    let mut data = Reader::new(data);
    if &name == b"VP8L" {
        data.expect(&[0x2f])?;
        let bits = data.u32_le()?;
        return Ok(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1));
    }
    data.take(3)?;
    data.expect(&[0x9d, 0x01, 0x2a])?;
    Ok((u32::from(data.u16_le()? & 0x3fff), u32::from(data.u16_le()? & 0x3fff)))
}

/// A frame of an animation, without what does not belong to its picture.
fn frame(data: &[u8], frames: &mut Frames) -> Result<Vec<u8>, Fault> {
    let mut input = Reader::new(data);
    let mut output = input.take(16)?.to_vec();
    let mut has_picture = false;
    while !input.is_empty() {
        let (name, data) = chunk(&mut input)?;
        match &name {
            b"VP8 " | b"VP8L" => {
                frames.add(size_of(name, data)?)?;
                has_picture = true;
                push(&mut output, name, data);
            }
            b"ALPH" => push(&mut output, name, data),
            _ => {}
        }
    }
    if has_picture { Ok(output) } else { Err(Fault::Malformed) }
}
