//! Real pictures, made and read by a library that the server itself does without.

use std::io::Cursor;

use image::codecs::gif::{GifDecoder, GifEncoder, Repeat};
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder as _, DynamicImage, Frame, ImageFormat, RgbImage, RgbaImage};
use jpeg_encoder::{ColorType, SamplingFactor};
use proptest::prelude::*;

use super::{Fault, Format, Picture, exif, foreign_extension, of_bytes};

const SECRET: &[u8] = b"31.2304N 121.4737E";

fn clean(format: Format, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    super::clean(format, bytes).map(|picture| picture.bytes)
}

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let [x, y, ..] = [x.to_le_bytes()[0], y.to_le_bytes()[0], 0, 0];
        image::Rgb([x.wrapping_mul(3), y.wrapping_mul(5), x ^ y])
    })
}

fn encoded(format: Format) -> Vec<u8> {
    let of_library = match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::Webp => ImageFormat::WebP,
    };
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(picture(40, 30)).write_to(&mut file, of_library).unwrap();
    file.into_inner()
}

fn pixels(file: &[u8]) -> RgbaImage {
    image::load_from_memory(file).unwrap().to_rgba8()
}

fn holds(file: &[u8], text: &[u8]) -> bool {
    file.windows(text.len()).any(|window| window == text)
}

/// TIFF data as a telephone writes it: little-endian, with an orientation and a place.
fn tiff(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x02\0\0\0x\0\0\0".to_vec();
    tiff.extend_from_slice(&[0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]);
    tiff.extend_from_slice(SECRET);
    tiff
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let size = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], size.as_slice(), data].concat()
}

/// The JPEG with segments after its first two bytes, and something after its end.
fn jpeg_with(segments: &[Vec<u8>]) -> Vec<u8> {
    let jpeg = encoded(Format::Jpeg);
    [&jpeg[..2], &segments.concat(), &jpeg[2..], SECRET].concat()
}

fn png_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(name);
    sum.update(data);
    let size = u32::try_from(data.len()).unwrap().to_be_bytes();
    [size.as_slice(), name, data, &sum.sum().to_be_bytes()].concat()
}

/// The PNG with chunks after its header, and something after its end.
fn png_with(chunks: &[Vec<u8>]) -> Vec<u8> {
    let png = encoded(Format::Png);
    [&png[..33], &chunks.concat(), &png[33..], SECRET].concat()
}

fn webp_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).unwrap().to_le_bytes();
    let padding = if data.len() % 2 == 1 { [0].as_slice() } else { &[] };
    [name, size.as_slice(), data, padding].concat()
}

fn webp_of(chunks: &[Vec<u8>]) -> Vec<u8> {
    let chunks = chunks.concat();
    let size = u32::try_from(chunks.len() + 4).unwrap().to_le_bytes();
    [b"RIFF", size.as_slice(), b"WEBP", &chunks].concat()
}

/// An extended WebP of `width` × `height` with EXIF and XMP.
fn webp_with_metadata(orientation: u8) -> Vec<u8> {
    let simple = encoded(Format::Webp);
    let header = [0x0c, 0, 0, 0, 39, 0, 0, 29, 0, 0];
    webp_of(&[
        webp_chunk(b"VP8X", &header),
        simple[12..].to_vec(),
        webp_chunk(b"EXIF", &tiff(orientation)),
        webp_chunk(b"XMP ", SECRET),
    ])
}

fn gif_frames() -> Vec<u8> {
    let mut file = Vec::new();
    {
        let mut encoder = GifEncoder::new(&mut file);
        encoder.set_repeat(Repeat::Infinite).unwrap();
        for side in [40, 20, 10] {
            encoder.encode_frame(Frame::new(DynamicImage::from(picture(side, side)).to_rgba8())).unwrap();
        }
    }
    file
}

#[test]
fn only_the_extensions_of_other_things_are_foreign() {
    for name in
        ["a.jpg", "a.b.JPEG", "照片.Png", ".gif", "a.WEBP", "a.HEIC", "jpg", "a.", "a.jpg ", "", "10.01"]
    {
        assert_eq!(foreign_extension(name), None, "{name}");
    }
    for (name, extension) in
        [("a.jpg.EXE", "exe"), ("a.svg", "svg"), ("a.文档", "文档"), ("a.png/b.txt", "txt")]
    {
        assert_eq!(foreign_extension(name).as_deref(), Some(extension), "{name}");
    }
    assert_eq!(foreign_extension("C:\\v.one\\a"), None);
}

#[test]
fn a_picture_looks_the_same_and_is_of_its_format_only() {
    for format in Format::ALL {
        let file = encoded(format);
        let cleaned = clean(format, &file).unwrap();
        assert_eq!(pixels(&cleaned), pixels(&file), "{format:?}");
        let whole = Picture { bytes: cleaned.clone(), width: 40, height: 30 };
        assert_eq!(super::clean(format, &file).unwrap(), whole);
        assert_eq!(
            clean(format, &cleaned).unwrap(),
            cleaned,
            "{format:?}: there is nothing more to take out"
        );
        for other in Format::ALL.into_iter().filter(|other| *other != format) {
            assert_eq!(clean(other, &file), Err(Fault::Malformed), "{format:?} as {other:?}");
        }
        assert_eq!(of_bytes(&file), Ok(format));
    }
}

/// Wherever a picture is cut: what is taken shows all that it showed, and is well-formed from then on.
#[test]
fn a_picture_that_is_cut_is_refused_or_mended() {
    for (number, (format, file)) in files().into_iter().chain(more_files()).enumerate() {
        let mut mended = 0;
        for end in 0..file.len() {
            let Ok(cleaned) = clean(format, &file[..end]) else { continue };
            assert_eq!(
                pixels(&cleaned),
                pixels(&file),
                "{number}: {format:?} cut at {end} of {}",
                file.len()
            );
            assert_eq!(clean(format, &cleaned).as_ref(), Ok(&cleaned));
            mended += 1;
        }
        let least = match format {
            Format::Jpeg | Format::Gif => 2,
            Format::Png => 12,
            Format::Webp => 0,
        };
        assert!(mended >= least, "{number}: {format:?}: {mended}");
    }
}

fn more_files() -> Vec<(Format, Vec<u8>)> {
    let mut files = vec![(Format::Jpeg, refined()), (Format::Png, interlaced())];
    for progressive in [false, true] {
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_2] {
            for restarts in [0, 3] {
                files.push((Format::Jpeg, jpeg_of(progressive, sampling, restarts)));
            }
        }
    }
    files
}

#[test]
fn bytes_between_segments_are_left_out() {
    let file = encoded(Format::Jpeg);
    let (mut at, mut places) = (2, Vec::new());
    while file[at + 1] != 0xda {
        places.push(at);
        at += 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
    }
    for at in places {
        for stray in [&b"\0"[..], SECRET, b"\xff\xff", b"\xff\x00\xff\xd0\xff\x01", b"\xff\xd8"] {
            let cleaned = clean(Format::Jpeg, &[&file[..at], stray, &file[at..]].concat());
            assert_eq!(cleaned, clean(Format::Jpeg, &file), "{stray:?} at {at}");
        }
    }
    let gif = encoded(Format::Gif);
    let (head, end) = gif.split_at(gif.len() - 1);
    assert_eq!(clean(Format::Gif, &[head, b"\0\0", end].concat()), clean(Format::Gif, &gif));
    // A mark inside the coded data ends them: what follows is lost, so the picture is not whole.
    let (head, end) = file.split_at(file.len() - 40);
    assert_eq!(clean(Format::Jpeg, &[head, b"\xff\x02", end].concat()), Err(Fault::Malformed));
}

fn jpeg_of(progressive: bool, sampling: SamplingFactor, restarts: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.set_progressive(progressive);
    encoder.set_sampling_factor(sampling);
    encoder.set_restart_interval(restarts);
    encoder.encode(&picture(43, 29), 43, 29, ColorType::Rgb).unwrap();
    file
}

/// 21 by 13 pixels by libjpeg, progressive: ten scans, some of which add a bit to what others brought.
const REFINED: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb00430006040506050406060506070706080a100a0a09090a140e \
    0f0c1017141818171416161a1d251f1a1b231c1616202c20232627292a29191f2d302d283025282928ffdb0043010707 \
    070a080a130a0a13281a161a282828282828282828282828282828282828282828282828282828282828282828282828 \
    2828282828282828282828282828ffc2001108000d001503012200021101031101ffc400160001010100000000000000 \
    000000000000060005ffc4001501010100000000000000000000000000000403ffda000c0301000210031000000123b0 \
    8b560607389c2fffc4001a100002030101000000000000000000000000030102041112ffda00080101000105024e3e8b \
    c906ec902535f34554de9a9fffc4001a1100020203000000000000000000000000000501021481b1ffda000801030101 \
    3f015ecec34673956d720fffc4001c1100010305000000000000000000000000010002030411142232ffda0008010201 \
    013f01c86b6306ca0a8d390bffc4001a100002020300000000000000000000000000020131102141ffda000801010006 \
    3f02a284d477287fffc4001d1000020201050000000000000000000000001101213141516171a1ffda0008010100013f \
    21a834ce2de63d843cca2b5625094654a798e8ffda000c03010002000300000010d83fffc40017110101010100000000 \
    000000000000000001002131ffda0008010301013f10526b77acbfffc4001c1101000202030100000000000000000000 \
    011121003141519161ffda0008010201013f105a02a0ca4efad9e8ee2adc90435bf39782bcaeb3ffc4001f1001000104 \
    01050000000000000000000001001121319141617181b1e1ffda0008010100013f10f949638b9701e622981d4d84a24e \
    056e261852884b77751627a1359fffd9";

fn refined() -> Vec<u8> {
    hex::decode(REFINED.replace(' ', "")).unwrap()
}

/// A PNG of greys in seven passes.
fn interlaced() -> Vec<u8> {
    const PASSES: [(u32, u32, usize, usize); 7] =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let (width, height) = (21_u32, 13_u32);
    let mut rows = Vec::new();
    for (x, y, every_x, every_y) in PASSES {
        for row in (y..height).step_by(every_y) {
            rows.push(0);
            rows.extend((x..width).step_by(every_x).map(|column| (column * 7 + row * 3).to_le_bytes()[0]));
        }
    }
    let mut data = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut data, &rows).unwrap();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 1]].concat();
    let chunks =
        [png_chunk(b"IHDR", &header), png_chunk(b"IDAT", &data.finish().unwrap()), png_chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

#[test]
fn what_a_photograph_tells_is_gone_and_it_stays_upright() {
    let exif = [b"Exif\0\0".as_slice(), &tiff(6)].concat();
    let file = jpeg_with(&[
        segment(0xe1, &exif),
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()),
        segment(0xed, SECRET),
        segment(0xe2, &[b"MPF\0", SECRET].concat()),
        segment(0xe2, &[b"ICC_PROFILE\0\x01\x01".as_slice(), b"colours"].concat()),
        segment(0xfe, SECRET),
    ]);
    assert!(holds(&file, SECRET));
    let cleaned = clean(Format::Jpeg, &file).unwrap();
    assert!(!holds(&cleaned, SECRET) && holds(&cleaned, b"colours"));
    assert_eq!(pixels(&cleaned), pixels(&file));
    let kept = [b"Exif\0\0".as_slice(), &exif::with_orientation(6)].concat();
    assert!(holds(&cleaned, &segment(0xe1, &kept)));
    let upright =
        clean(Format::Jpeg, &jpeg_with(&[segment(0xe1, &[b"Exif\0\0".as_slice(), &tiff(1)].concat())]));
    assert!(!holds(&upright.unwrap(), b"Exif"));
}

#[test]
fn the_orientation_is_read_as_it_is_written() {
    for orientation in 2..=8 {
        assert_eq!(exif::orientation(&tiff(orientation)), Some(orientation));
        assert_eq!(exif::orientation(&exif::with_orientation(orientation)), Some(orientation));
    }
    let whole = tiff(6);
    for end in 0..whole.len() - SECRET.len() - 8 {
        assert_eq!(exif::orientation(&whole[..end]), None, "cut at {end}");
    }
    for none in [tiff(0), tiff(1), tiff(9), vec![], b"II*\0\xff\xff\xff\xff".to_vec()] {
        assert_eq!(exif::orientation(&none), None);
    }
}

#[test]
fn a_png_keeps_no_text_and_a_webp_no_metadata() {
    let file = png_with(&[
        png_chunk(b"tEXt", SECRET),
        png_chunk(b"iTXt", SECRET),
        png_chunk(b"tIME", &[7, 0xe5, 10, 1, 8, 0, 0]),
        png_chunk(b"vpAg", SECRET),
        png_chunk(b"eXIf", &tiff(8)),
        png_chunk(b"gAMA", &45_455_u32.to_be_bytes()),
    ]);
    let cleaned = clean(Format::Png, &file).unwrap();
    assert!(!holds(&cleaned, SECRET) && !holds(&cleaned, b"tIME") && holds(&cleaned, b"gAMA"));
    assert!(holds(&cleaned, &png_chunk(b"eXIf", &exif::with_orientation(8))));
    assert_eq!(pixels(&cleaned), pixels(&file));
    assert_eq!(clean(Format::Png, &png_with(&[png_chunk(b"NEED", b"")])), Err(Fault::Malformed));
    let mut broken = encoded(Format::Png);
    broken[20] ^= 1;
    assert_eq!(clean(Format::Png, &broken), Err(Fault::Malformed), "a check sum is checked");

    let file = webp_with_metadata(3);
    let cleaned = clean(Format::Webp, &file).unwrap();
    assert!(!holds(&cleaned, SECRET) && !holds(&cleaned, b"XMP "));
    assert!(holds(&cleaned, &webp_chunk(b"EXIF", &exif::with_orientation(3))));
    assert_eq!((cleaned[20], clean(Format::Webp, &webp_with_metadata(1)).unwrap()[20]), (0x08, 0));
    assert_eq!(pixels(&cleaned), pixels(&file));
}

#[test]
fn an_animation_stays_one() {
    let mut file = gif_frames();
    let end = file.pop().unwrap();
    file.extend_from_slice(&[&[0x21, 0xfe, 18], SECRET, &[0]].concat());
    file.extend_from_slice(&[b"\x21\xff\x0bXMP DataXMP\x12".as_slice(), SECRET, &[0, end], SECRET].concat());
    let cleaned = clean(Format::Gif, &file).unwrap();
    assert!(!holds(&cleaned, SECRET) && holds(&cleaned, b"NETSCAPE2.0"));
    let frames = |file: &[u8]| {
        let frames =
            GifDecoder::new(Cursor::new(file.to_vec())).unwrap().into_frames().collect_frames().unwrap();
        frames.into_iter().map(|frame| (frame.delay(), frame.into_buffer())).collect::<Vec<_>>()
    };
    assert_eq!(frames(&cleaned).len(), 3);
    assert_eq!(frames(&cleaned), frames(&gif_frames()));

    let still = encoded(Format::Webp);
    let mut frame = vec![0; 16];
    (frame[6], frame[9]) = (39, 29);
    frame.extend_from_slice(&still[12..]);
    frame.extend_from_slice(&webp_chunk(b"HIDE", SECRET));
    let file = webp_of(&[
        webp_chunk(b"VP8X", &[0x02, 0, 0, 0, 39, 0, 0, 29, 0, 0]),
        webp_chunk(b"ANIM", &[0; 6]),
        webp_chunk(b"ANMF", &frame),
        webp_chunk(b"ANMF", &frame),
    ]);
    let cleaned = clean(Format::Webp, &file).unwrap();
    assert!(!holds(&cleaned, SECRET));
    let frames = WebPDecoder::new(Cursor::new(cleaned)).unwrap().into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 2);
}

/// Each of these is small, and would need gigabytes to be shown.
#[test]
fn a_picture_that_would_blow_up_is_refused() {
    let mut jpeg = encoded(Format::Jpeg);
    let frame = jpeg.windows(2).position(|pair| matches!(pair, [0xff, 0xc0..=0xc2])).unwrap();
    let mut sized = |width: u16, height: u16| {
        jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        clean(Format::Jpeg, &jpeg).map(drop)
    };
    assert_eq!(sized(10_000, 5_000), Ok(()));
    assert_eq!(sized(10_001, 10), Err(Fault::TooManyPixels));
    assert_eq!(sized(10, 10_001), Err(Fault::TooManyPixels));
    assert_eq!(sized(8_000, 8_000), Err(Fault::TooManyPixels));
    assert_eq!(sized(0, 10), Err(Fault::Malformed));

    let png = encoded(Format::Png);
    let header = [&u32::MAX.to_be_bytes()[..], &1_u32.to_be_bytes(), &png[24..29]].concat();
    let bomb = [&png[..8], &png_chunk(b"IHDR", &header), &png[33..]].concat();
    assert_eq!(clean(Format::Png, &bomb), Err(Fault::TooManyPixels));

    let mut gif = encoded(Format::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert_eq!(clean(Format::Gif, &gif), Err(Fault::TooManyPixels));
    let frame =
        [&[0x2c, 0, 0, 0, 0], 7_000_u16.to_le_bytes().as_slice(), &7_000_u16.to_le_bytes(), &[0, 2, 0]]
            .concat();
    let screen = b"GIF89a\x10\0\x10\0\0\0\0";
    let many = [screen.as_slice(), &frame.repeat(21), &[0x3b]].concat();
    assert_eq!(clean(Format::Gif, &many), Err(Fault::TooManyPixels));
    assert!(clean(Format::Gif, &[screen.as_slice(), &frame.repeat(20), &[0x3b]].concat()).is_ok());

    let mut webp = encoded(Format::Webp);
    webp[21..25].copy_from_slice(&[0xff; 4]);
    assert_eq!(clean(Format::Webp, &webp), Err(Fault::TooManyPixels));
    let huge = webp_of(&[webp_chunk(b"VP8X", &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0])]);
    assert_eq!(clean(Format::Webp, &huge), Err(Fault::TooManyPixels));
}

fn files() -> Vec<(Format, Vec<u8>)> {
    let mut files: Vec<_> = Format::ALL.into_iter().map(|format| (format, encoded(format))).collect();
    files.push((Format::Gif, gif_frames()));
    files.push((Format::Webp, webp_with_metadata(6)));
    files.push((Format::Jpeg, jpeg_with(&[segment(0xe1, &[b"Exif\0\0".as_slice(), &tiff(6)].concat())])));
    files.push((Format::Png, png_with(&[png_chunk(b"eXIf", &tiff(6))])));
    files
}

#[test]
fn what_stands_behind_a_lost_end_is_left_out() {
    let mut jpeg = jpeg_with(&[]);
    let end = jpeg.len() - SECRET.len() - 1;
    assert_eq!(jpeg[end - 1..=end], [0xff, 0xd9]);
    for lost in [0x00, 0xd0, 0xff] {
        jpeg[end] = lost;
        if let Ok(cleaned) = clean(Format::Jpeg, &jpeg) {
            assert!(!holds(&cleaned, SECRET), "{lost:#x}");
        }
    }
    jpeg[end] = 0x00;
    assert!(clean(Format::Jpeg, &jpeg).is_ok());
}

proptest! {
    /// Damage never breaks anything, and what is taken is clean for good.
    #[test]
    fn any_bytes_are_judged(
        which in 0_usize..8,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let (format, mut file) = files().swap_remove(which);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(cleaned) = clean(format, &file) {
            prop_assert!(!holds(&cleaned, SECRET) || format == Format::Gif);
            prop_assert_eq!(clean(format, &cleaned), Ok(cleaned));
        }
    }
}
