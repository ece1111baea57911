//! PNG: chunks of a length, a name, data and a check sum.
//!
//! An end that is missing is added, as viewers do; but the data before it have to hold every pixel.

use flate2::{Decompress, FlushDecompress, Status};

use super::reader::length;
use super::{Fault, Frames, Picture, Reader, Size, check_size, exif};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What the looks of a picture, or of an animation (APNG), depend on.
const KEPT: [&[u8; 4]; 18] = [
    b"PLTE", b"IDAT", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI",
    b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
];

pub fn clean(bytes: &[u8]) -> Result<Picture, Fault> {
    let mut input = Reader::new(bytes);
    input.expect(SIGNATURE)?;
    let (name, header) = chunk(&mut input)?.ok_or(Fault::Malformed)?;
    if &name != b"IHDR" || header.len() != 13 {
        return Err(Fault::Malformed);
    }
    let mut sizes = Reader::new(header);
    let (width, height) = (sizes.u32_be()?, sizes.u32_be()?);
    check_size((width, height))?;
    let mut output = Vec::with_capacity(bytes.len());
    let (mut frames, mut orientation) = (Frames::default(), None);
    let mut last = Last { size: (width, height), ..Last::default() };
    let has_end = loop {
        let Some((name, data)) = chunk(&mut input)? else { break false };
        match &name {
            b"IEND" => break true,
            b"eXIf" => orientation = orientation.or_else(|| exif::orientation(data)),
            b"fcTL" => last.begin(count_frame(&mut frames, data)?),
            b"acTL" => last.frames_to_come = Reader::new(data).u32_be()?,
            b"IDAT" => last.data.push(data),
            b"fdAT" => last.data.push(data.get(4..).ok_or(Fault::Malformed)?),
            _ => {}
        }
        last.has_picture |= &name == b"IDAT";
        if KEPT.contains(&&name) {
            push(&mut output, name, data);
        } else if name[0].is_ascii_uppercase() {
            // A part without which the picture cannot be shown, and nobody knows how to.
            return Err(Fault::Malformed);
        }
    };
    if !last.has_picture || (!has_end && !last.is_whole(header)) {
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

/// A chunk's name and data.
type Chunk<'b> = ([u8; 4], &'b [u8]);

/// The next chunk; `None` where the input ends, in the middle of one or before it. The check sum may be
/// what is missing.
fn chunk<'b>(input: &mut Reader<'b>) -> Result<Option<Chunk<'b>>, Fault> {
    let (Ok(size), Ok(name)) = (input.u32_be(), input.array()) else { return Ok(None) };
    let Ok(data) = input.take(length(size)?) else { return Ok(None) };
    let sum = input.u32_be().unwrap_or_else(|_| {
        input.rest();
        check_sum(name, data)
    });
    if sum != check_sum(name, data) || !name.iter().all(u8::is_ascii_alphabetic) {
        return Err(Fault::Malformed);
    }
    Ok(Some((name, data)))
}

/// The picture, or the frame of an animation, that came last.
#[derive(Default)]
struct Last<'b> {
    size: Size,
    data: Vec<&'b [u8]>,
    has_picture: bool,
    /// Of the frames that were announced.
    frames_to_come: u32,
}

impl Last<'_> {
    fn begin(&mut self, frame: Size) {
        self.frames_to_come = self.frames_to_come.saturating_sub(1);
        if !self.data.is_empty() {
            (self.size, self.data) = (frame, Vec::new());
        }
    }

    /// Whether nothing is missing but the end: every frame has come, and the last one's data (zlib) are
    /// whole and hold every pixel.
    fn is_whole(&self, header: &[u8]) -> bool {
        let wanted = bytes_of(self.size, header).filter(|_| self.frames_to_come == 0);
        wanted.is_some_and(|wanted| inflated(&self.data, wanted).is_some_and(|there| there >= wanted))
    }
}

/// How many bytes a picture of this size has before they are compressed: its rows, each after a byte that
/// says how it is filtered; interlaced, seven pictures of fewer pixels.
fn bytes_of((width, height): Size, header: &[u8]) -> Option<u64> {
    const PASSES: [[u64; 4]; 7] =
        [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
    let channels = match header[9] {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        6 => 4,
        _ => return None,
    };
    let bits = channels * u64::from(header[8]);
    let (width, height) = (u64::from(width), u64::from(height));
    let rows =
        |width: u64, height: u64| if width == 0 { 0 } else { height * (1 + (width * bits).div_ceil(8)) };
    let pass = |[x, y, every_x, every_y]: &[u64; 4]| {
        rows(width.saturating_sub(*x).div_ceil(*every_x), height.saturating_sub(*y).div_ceil(*every_y))
    };
    Some(if header[12] == 0 { rows(width, height) } else { PASSES.iter().map(pass).sum() })
}

/// How much comes out of compressed data, if they are whole; not much more than `wanted` is looked at.
fn inflated(data: &[&[u8]], wanted: u64) -> Option<u64> {
    let (mut inflater, mut buffer) = (Decompress::new(true), vec![0; 1 << 15]);
    for mut part in data.iter().copied() {
        while !part.is_empty() {
            let before = inflater.total_in();
            let status = inflater.decompress(part, &mut buffer, FlushDecompress::None).ok()?;
            if status == Status::StreamEnd {
                return Some(inflater.total_out());
            }
            let taken = usize::try_from(inflater.total_in() - before).ok()?;
            part = part.get(taken..)?;
            if inflater.total_out() > wanted + (1 << 20) {
                return None;
            }
        }
    }
    // What the last bytes stand for may be more than one buffer.
    loop {
        let before = inflater.total_out();
        let status = inflater.decompress(&[], &mut buffer, FlushDecompress::None).ok()?;
        match status {
            Status::StreamEnd => return Some(inflater.total_out()),
            _ if inflater.total_out() == before || before > wanted + (1 << 20) => return None,
            _ => {}
        }
    }
}

fn count_frame(frames: &mut Frames, control: &[u8]) -> Result<Size, Fault> {
    let mut control = Reader::new(control);
    control.take(4)?;
    let size = (control.u32_be()?, control.u32_be()?);
    frames.add(size)?;
    Ok(size)
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
