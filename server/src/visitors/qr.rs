//! Pass codes (访客二维码): their text, how it is read back, and their picture.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fast_qr::{ECL, QRBuilder};
use jpeg_encoder::{ColorType, Encoder};

use crate::error::Error;
use crate::text::is_invisible;

/// Pixels a module: enough to survive what messengers do to pictures.
const SCALE: usize = 8;
/// White modules around the code, as the standard asks for.
const QUIET: usize = 4;
const QUALITY: u8 = 90;
/// The longest text of a reader that is looked at.
pub const LONGEST: usize = 512;

/// The content of a code.
#[must_use]
pub fn content(visit_id: i64, token: &str) -> String {
    format!("{{\"id\":{visit_id},\"qrcode\":\"{token}\"}}")
}

/// The address of a code's picture.
#[must_use]
pub fn image_url(base: &str, token: &str) -> String {
    format!("{base}/qrcode/{token}.jpg")
}

/// The path of the page that shows a code, short enough for a text message.
#[must_use]
pub fn page_path(token: &str) -> String {
    let bytes = hex::decode(token).unwrap_or_default();
    format!("/q/{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The token in the last part of [`page_path`].
#[must_use]
pub fn token_of_page(part: &str) -> Option<String> {
    let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(part).ok()?.try_into().ok()?;
    Some(hex::encode(bytes))
}

/// What a reader sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The record it claims to belong to, if it says.
    pub visit_id: Option<i64>,
    pub token: String,
}

/// 32 lower-case hexadecimal digits.
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What was in the code, without what readers and their keyboards add around it: blanks, control characters,
/// invisible marks, and the AIM identifier of the symbology (`]Q1`).
#[must_use]
pub fn bare(text: &str) -> &str {
    let text = text.trim_matches(is_invisible);
    match text.as_bytes() {
        [b']', letter, modifier, ..] if letter.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() => {
            text[3..].trim_start_matches(is_invisible)
        }
        _ => text,
    }
}

/// Reads what a gate's reader may send: the JSON text, the same with the quote missing that the
/// document prints, or the bare token. `None` for anything else.
#[must_use]
pub fn read(text: &str) -> Option<Scanned> {
    let text = bare(text);
    if text.len() > LONGEST {
        return None;
    }
    if is_token(text) {
        return Some(Scanned { visit_id: None, token: text.to_owned() });
    }
    let read = |json: &str| read_value(&serde_json::from_str(json).ok()?);
    read(text)
        .or_else(|| read(&text.replace(" qrcode\":", "\"qrcode\":").replace(",qrcode\":", ",\"qrcode\":")))
}

/// Reads the object itself.
#[must_use]
pub fn read_value(value: &serde_json::Value) -> Option<Scanned> {
    let object = value.as_object()?;
    let visit_id = match object.get("id") {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(text)) => Some(bare(text).parse().ok()?),
        Some(id) => Some(id.as_i64()?),
    };
    let token = bare(object.get("qrcode")?.as_str()?);
    is_token(token).then(|| Scanned { visit_id, token: token.to_owned() })
}

/// The picture of a code: a greyscale JPEG.
///
/// # Errors
/// Never for a text as short as ours.
pub fn jpeg(content: &str) -> Result<Vec<u8>, Error> {
    let fault = |reason: String| Error::internal(format!("a QR code could not be drawn: {reason}"));
    let code = QRBuilder::new(content).ecl(ECL::M).build().map_err(|error| fault(error.to_string()))?;
    let width = (code.size + 2 * QUIET) * SCALE;
    let mut pixels = vec![255_u8; width * width];
    for row in 0..code.size {
        for column in 0..code.size {
            if !code[row][column].value() {
                continue;
            }
            let (top, left) = ((row + QUIET) * SCALE, (column + QUIET) * SCALE);
            for y in top..top + SCALE {
                pixels[y * width + left..y * width + left + SCALE].fill(0);
            }
        }
    }
    let side = u16::try_from(width).map_err(|error| fault(error.to_string()))?;
    let mut picture = Vec::new();
    let encoder = Encoder::new(&mut picture, QUALITY);
    encoder.encode(&pixels, side, side, ColorType::Luma).map_err(|error| fault(error.to_string()))?;
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "83bae139a9bc445384f4fc7a2df6a047";

    #[test]
    fn every_form_a_reader_may_send_is_read() {
        let ours = |visit_id| Some(Scanned { visit_id, token: TOKEN.into() });
        assert_eq!(read(&content(207, TOKEN)), ours(Some(207)));
        for (text, id) in [
            (format!("{{\"id\": 207,\"qrcode\":\"{TOKEN}\"}}"), Some(207)),
            (format!("{{\"id\":207, qrcode\":\"{TOKEN}\"}}"), Some(207)),
            (format!("{{\"id\":207,qrcode\":\"{TOKEN}\"}}"), Some(207)),
            (format!("\u{feff}{{\"id\":\"207\",\"qrcode\":\"{TOKEN}\"}}\r\n"), Some(207)),
            (format!("{{\"qrcode\":\"{TOKEN}\"}}"), None),
            (format!(" {TOKEN}\n"), None),
            (format!("{}\u{1d}", content(207, TOKEN)), Some(207)),
            (format!("\u{2}{}\u{3}\u{4}", content(207, TOKEN)), Some(207)),
            (format!("]Q1{}", content(207, TOKEN)), Some(207)),
            (format!("\u{2}]Q3\u{feff} {TOKEN}\u{200b}\r"), None),
            (format!("\u{2060}\u{feff}\u{200e}{TOKEN}\u{200f}"), None),
        ] {
            assert_eq!(read(&text), ours(id), "{text}");
        }
        for text in [
            "",
            "{}",
            "[]",
            "207",
            "]Q1",
            "]Q1]Q1",
            "\u{1d}",
            &TOKEN[1..],
            &TOKEN.to_uppercase(),
            "{\"id\":1,\"qrcode\":5}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("{{\"id\":1.5,\"qrcode\":\"{TOKEN}\"}}")), None);
        assert_eq!(read(&format!("{TOKEN}{}", " ".repeat(600))), ours(None), "blanks do not count");
    }

    #[test]
    fn the_short_address_holds_the_token() {
        let path = page_path(TOKEN);
        assert_eq!(path.len(), 25);
        assert_eq!(token_of_page(path.strip_prefix("/q/").unwrap()).as_deref(), Some(TOKEN));
        for wrong in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAA==", "甲"] {
            assert_eq!(token_of_page(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_picture_decodes_to_its_content() {
        let content = content(i64::MAX, TOKEN);
        let picture = jpeg(&content).unwrap();
        assert!(picture.starts_with(&[0xff, 0xd8, 0xff]));
        let mut decoder = jpeg_decoder::Decoder::new(picture.as_slice());
        let pixels = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        let (width, height) = (usize::from(info.width), usize::from(info.height));
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        assert_eq!(grids[0].decode().unwrap().1, content);
    }
}
