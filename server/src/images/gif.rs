//! GIF: a screen, then blocks: pictures, and extensions that say how they follow each other.
//!
//! Bytes between blocks are left out, and an end that is missing is added, as viewers do; but the last
//! picture's codes have to hold every pixel.

use super::{Fault, Frames, Picture, Reader, check_size, pixels};

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
    while let Ok(introducer) = input.u8() {
        match introducer {
            END => break,
            EXTENSION => extension(&mut input, &mut output)?,
            PICTURE => picture(&mut input, &mut output, &mut frames)?,
            _ => {}
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
    let (data, true) = blocks(input) else { return Err(Fault::Malformed) };
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
    let size = (sizes.u16_le()?.into(), sizes.u16_le()?.into());
    frames.add(size)?;
    output.push(PICTURE);
    output.extend_from_slice(&descriptor);
    output.extend_from_slice(colours(input, descriptor[8])?);
    let code_size = input.u8()?;
    output.push(code_size);
    let (mut data, is_whole) = blocks(input);
    if !is_whole && pixels_of(code_size, &data).is_none_or(|there| there < pixels(size)) {
        return Err(Fault::Malformed);
    }
    output.append(&mut data);
    Ok(())
}

/// Blocks of up to 255 bytes, each after its length, and the empty one that ends them; false when the
/// input ended before, where they end now.
fn blocks(input: &mut Reader<'_>) -> (Vec<u8>, bool) {
    let mut blocks = Vec::new();
    while let Ok(size) = input.u8() {
        let (data, is_whole) = match input.take(size.into()) {
            Ok(data) => (data, true),
            Err(_) => (input.rest(), false),
        };
        // What is left is shorter than a length says.
        blocks.push(if is_whole { size } else { u8::try_from(data.len()).unwrap_or(u8::MAX) });
        blocks.extend_from_slice(data);
        match (size, is_whole, data.len()) {
            (0, ..) => return (blocks, true),
            (_, false, 0) => return (blocks, false),
            (_, false, _) => break,
            _ => {}
        }
    }
    blocks.push(0);
    (blocks, false)
}

/// How many pixels the codes (LZW) in whole blocks stand for; `None` for codes that stand for nothing.
fn pixels_of(code_size: u8, blocks: &[u8]) -> Option<u64> {
    let clear = 1_usize.checked_shl(code_size.into()).filter(|_| (1..=11).contains(&code_size))?;
    let mut bits = Bits::new(blocks);
    // How many pixels each code stands for; those before `clear` stand for one.
    let mut lengths = vec![1_u64; clear + 2];
    let (mut width, mut previous, mut pixels) = (code_size + 1, None, 0);
    while let Some(code) = bits.take(width) {
        if code == clear {
            lengths.truncate(clear + 2);
            (width, previous) = (code_size + 1, None);
            continue;
        }
        if code == clear + 1 {
            break;
        }
        let grown = previous.map(|length| length + 1);
        let length = if code == lengths.len() { grown } else { lengths.get(code).copied() }?;
        if let Some(grown) = grown.filter(|_| lengths.len() < MOST_CODES) {
            lengths.push(grown);
        }
        if lengths.len() == 1 << width && width < MOST_WIDTH {
            width += 1;
        }
        pixels += length;
        previous = Some(length);
    }
    Some(pixels)
}

const MOST_WIDTH: u8 = 12;
const MOST_CODES: usize = 1 << MOST_WIDTH;

/// The bits of blocks, the lowest of each byte first.
struct Bits<'b> {
    blocks: Reader<'b>,
    block: Reader<'b>,
    held: usize,
    count: u8,
}

impl<'b> Bits<'b> {
    fn new(blocks: &'b [u8]) -> Self {
        Self { blocks: Reader::new(blocks), block: Reader::new(&[]), held: 0, count: 0 }
    }

    fn take(&mut self, width: u8) -> Option<usize> {
        while self.count < width {
            if self.block.is_empty() {
                let size = self.blocks.u8().ok()?;
                self.block = Reader::new(self.blocks.take(size.into()).ok()?);
            }
            self.held |= usize::from(self.block.u8().ok()?) << self.count;
            self.count += 8;
        }
        let code = self.held & ((1 << width) - 1);
        self.held >>= width;
        self.count -= width;
        Some(code)
    }
}
