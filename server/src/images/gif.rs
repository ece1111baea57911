//! GIF: a screen, then blocks: pictures, and extensions that say how they follow each other.

use super::{Fault, Frames, Picture, Reader, check_size};

const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2c;
const END: u8 = 0x3b;
const GRAPHIC_CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;
/// How often an animation repeats; all other applications' extensions are metadata.
const LOOPS: [&[u8]; 2] = [b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0"];

pub fn clean(bytes: &[u8]) -> Result<Picture, Fault> {
    let mut input = Reader::new(bytes);
    let signature = input.take(6)?;
    if !matches!(signature, b"GIF87a" | b"GIF89a") {
        return Err(Fault::Malformed);
    }
    let mut output = Vec::with_capacity(bytes.len());
    output.extend_from_slice(signature);
    let screen: [u8; 7] = input.array()?;
    let mut sizes = Reader::new(&screen);
    let (width, height) = (sizes.u16_le()?.into(), sizes.u16_le()?.into());
    check_size((width, height))?;
    output.extend_from_slice(&screen);
    output.extend_from_slice(colours(&mut input, screen[4])?);
    let mut frames = Frames::default();
    loop {
        match input.u8()? {
            END => break,
            EXTENSION => extension(&mut input, &mut output)?,
            PICTURE => picture(&mut input, &mut output, &mut frames)?,
            _ => return Err(Fault::Malformed),
        }
    }
    if frames.is_empty() {
        return Err(Fault::Malformed);
    }
    output.push(END);
    Ok(Picture { bytes: output, width, height })
}

/// The table of colours that `flags` announce.
fn colours<'b>(input: &mut Reader<'b>, flags: u8) -> Result<&'b [u8], Fault> {
    let has_table = flags & 0x80 != 0;
    input.take(if has_table { 3 << ((flags & 7) + 1) } else { 0 })
}

fn extension(input: &mut Reader<'_>, output: &mut Vec<u8>) -> Result<(), Fault> {
    let label = input.u8()?;
    let data = blocks(input)?;
    let is_kept = match label {
        GRAPHIC_CONTROL => true,
        APPLICATION => LOOPS.iter().any(|name| data.starts_with(name)),
        _ => false,
    };
    if is_kept {
        output.extend_from_slice(&[EXTENSION, label]);
        output.extend_from_slice(&data);
    }
    Ok(())
}

fn picture(input: &mut Reader<'_>, output: &mut Vec<u8>, frames: &mut Frames) -> Result<(), Fault> {
    let descriptor: [u8; 9] = input.array()?;
    let mut sizes = Reader::new(&descriptor[4..]);
    frames.add((sizes.u16_le()?.into(), sizes.u16_le()?.into()))?;
    output.push(PICTURE);
    output.extend_from_slice(&descriptor);
    output.extend_from_slice(colours(input, descriptor[8])?);
    output.push(input.u8()?);
    output.append(&mut blocks(input)?);
    Ok(())
}

/// Blocks of up to 255 bytes, each after its length, and the empty one that ends them.
fn blocks(input: &mut Reader<'_>) -> Result<Vec<u8>, Fault> {
    let mut blocks = Vec::new();
    loop {
        let size = input.u8()?;
        blocks.push(size);
        blocks.extend_from_slice(input.take(size.into())?);
        if size == 0 {
            return Ok(blocks);
        }
    }
}
