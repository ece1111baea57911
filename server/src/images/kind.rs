//! What a file is, by its first bytes.

use super::Format;

/// What was found, in Chinese and in English.
pub type Words = (&'static str, &'static str);

const fn named(name: &'static str) -> Words {
    (name, name)
}

/// The format of a picture that may be uploaded, or what else it is.
///
/// # Errors
/// The words for it.
pub fn of_bytes(bytes: &[u8]) -> Result<Format, Words> {
    match bytes {
        [0xff, 0xd8, ..] => Ok(Format::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Ok(Format::Png),
        [b'G', b'I', b'F', b'8', ..] => Ok(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Format::Webp),
        [] => Err(("空文件", "nothing")),
        [_, _, _, _, b'f', b't', b'y', b'p', rest @ ..] => Err(named(of_brand(rest))),
        _ => Err(of_signature(bytes).map_or_else(|| of_text(bytes), named)),
    }
}

/// The brand of a file of the ISO base media format, which telephones write.
fn of_brand(rest: &[u8]) -> &'static str {
    match rest.get(..4).unwrap_or_default() {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => "HEIC",
        b"mif1" | b"msf1" | b"heif" => "HEIF",
        b"avif" | b"avis" => "AVIF",
        b"jp2 " | b"jpx " => "JPEG 2000",
        b"qt  " => "QuickTime",
        _ => "MP4",
    }
}

const SIGNATURES: [(&[u8], &str); 23] = [
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\x01\0", "ICO"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"8BPS", "PSD"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7z"),
    (b"\x1f\x8b", "GZIP"),
    (b"MZ", "EXE"),
    (b"\x7fELF", "ELF"),
    (b"\xd0\xcf\x11\xe0", "Office"),
    (b"\x1aE\xdf\xa3", "WebM"),
    (b"RIFF", "RIFF"),
    (b"ID3", "MP3"),
    (b"\xff\xfb", "MP3"),
    (b"OggS", "OGG"),
    (b"#!", "script"),
];

fn of_signature(bytes: &[u8]) -> Option<&'static str> {
    SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)).map(|(_, name)| *name)
}

/// How much of a text is looked at.
const LOOKED_AT: usize = 512;

fn of_text(bytes: &[u8]) -> Words {
    let head = &bytes[..bytes.len().min(LOOKED_AT)];
    let is_control = |byte: &u8| *byte < b' ' && !byte.is_ascii_whitespace();
    if head.iter().any(is_control) {
        return ("未知格式", "of an unknown format");
    }
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    match text.trim_start_matches(|first: char| first.is_whitespace() || first == '\u{feff}') {
        text if text.starts_with('<') && text.contains("<svg") => named("SVG"),
        text if text.starts_with('<') && (text.contains("<html") || text.starts_with("<!doctype")) => {
            named("HTML")
        }
        text if text.starts_with("<?xml") => named("XML"),
        _ => ("文本", "text"),
    }
}
