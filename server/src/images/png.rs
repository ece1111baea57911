//! PNG: chunks of a length, a name, data and a check sum.

use super::reader::length;
use super::{Fault, Frames, Picture, Reader, check_size, exif};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What the looks of a picture, or of an animation (APNG), depend on.
const KEPT: [&[u8; 4]; 18] = [
    b"PLTE", b"IDAT", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI",
    b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
];

pub fn clean(bytes: &[u8]) -> Result<Picture, Fault> {
    let mut input = Reader::new(bytes);
    input.expect(SIGNATURE)?;
    let (name, header) = chunk(&mut input)?;
    if &name != b"IHDR" || header.len() != 13 {
        return Err(Fault::Malformed);
    }
    let mut sizes = Reader::new(header);
    let (width, height) = (sizes.u32_be()?, sizes.u32_be()?);
    check_size((width, height))?;
    let mut output = Vec::with_capacity(bytes.len());
    let (mut frames, mut has_data, mut orientation) = (Frames::default(), false, None);
    loop {
        let (name, data) = chunk(&mut input)?;
        match &name {
            b"IEND" => break,
            b"eXIf" => orientation = orientation.or_else(|| exif::orientation(data)),
            b"fcTL" => count_frame(&mut frames, data)?,
            _ => {}
        }
        has_data |= &name == b"IDAT";
        if KEPT.contains(&&name) {
            push(&mut output, name, data);
        } else if name[0].is_ascii_uppercase() {
            // A part without which the picture cannot be shown, and nobody knows how to.
            return Err(Fault::Malformed);
        }
    }
    if !has_data {
        return Err(Fault::Malformed);
    }
    let mut whole = SIGNATURE.to_vec();
    push(&mut whole, *b"IHDR", header);
    if let Some(orientation) = orientation {
        push(&mut whole, *b"eXIf", &exif::with_orientation(orientation));
    }
    whole.append(&mut output);
    push(&mut whole, *b"IEND", &[]);
    Ok(Picture { bytes: whole, width, height })
}

fn chunk<'b>(input: &mut Reader<'b>) -> Result<([u8; 4], &'b [u8]), Fault> {
    let size = length(input.u32_be()?)?;
    let name = input.array()?;
    let data = input.take(size)?;
    if input.u32_be()? != check_sum(name, data) || !name.iter().all(u8::is_ascii_alphabetic) {
        return Err(Fault::Malformed);
    }
    Ok((name, data))
}

fn count_frame(frames: &mut Frames, control: &[u8]) -> Result<(), Fault> {
    let mut control = Reader::new(control);
    control.take(4)?;
    frames.add((control.u32_be()?, control.u32_be()?))
}

fn push(output: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
    output.extend_from_slice(&size.to_be_bytes());
    output.extend_from_slice(&name);
    output.extend_from_slice(data);
    output.extend_from_slice(&check_sum(name, data).to_be_bytes());
}

fn check_sum(name: [u8; 4], data: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(&name);
    sum.update(data);
    sum.sum()
}
