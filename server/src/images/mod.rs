//! Pictures that strangers upload: known by their bytes, bounded before anybody decodes them, and freed
//! of what they tell beside the picture (place, time, camera, comments) without encoding them anew.
//!
//! Each format's parts are copied by a list of what the picture needs; everything else, and what
//! follows its end, is left out. A photograph's orientation stays, or it would lie on its side. What
//! viewers do without (an end, clean joints) is mended, so that what is stored is well-formed.

mod exif;
mod gif;
mod jpeg;
mod kind;
mod png;
mod reader;
#[cfg(test)]
mod tests;
mod webp;

use reader::Reader;

pub use kind::{Words, of_bytes};

/// The longest side, in pixels.
pub const MOST_SIDE: u32 = 10_000;
/// The largest picture, in pixels.
pub const MOST_PIXELS: u64 = 50_000_000;
/// The most pixels of all frames of an animation together.
pub const MOST_ANIMATED_PIXELS: u64 = 1_000_000_000;

/// A format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    Webp,
}

impl Format {
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp];

    /// The usual extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// As it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Webp => "WebP",
        }
    }

    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }
}

/// The extensions of pictures, taken ones and others: which one it is, its bytes tell.
const EXTENSIONS: [&str; 20] = [
    "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "png", "apng", "gif", "webp", "heic", "heif", "heics",
    "avif", "bmp", "dib", "tif", "tiff", "ico", "jxl",
];

/// The extension of a file's name, if it is one of something else than a picture. What follows the last
/// dot of `2021.10.01` is none.
#[must_use]
pub fn foreign_extension(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let extension = file.rsplit_once('.')?.1.trim().to_ascii_lowercase();
    let is_none = extension.chars().all(|character| character.is_ascii_digit());
    (!is_none && !EXTENSIONS.contains(&extension.as_str())).then_some(extension)
}

/// Why bytes are not taken as a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are not a whole picture of the format.
    Malformed,
    /// The picture has too many pixels to be shown safely.
    TooManyPixels,
}

/// A picture and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub bytes: Vec<u8>,
    /// In pixels, as it is stored: its orientation may turn it.
    pub width: u32,
    pub height: u32,
}

/// The picture in `bytes`.
///
/// # Errors
/// [`Fault`].
pub fn clean(format: Format, bytes: &[u8]) -> Result<Picture, Fault> {
    match format {
        Format::Jpeg => jpeg::clean(bytes),
        Format::Png => png::clean(bytes),
        Format::Gif => gif::clean(bytes),
        Format::Webp => webp::clean(bytes),
    }
}

/// Refuses a picture that is empty or larger than anybody needs.
fn check_size((width, height): Size) -> Result<(), Fault> {
    if width == 0 || height == 0 {
        return Err(Fault::Malformed);
    }
    let is_small = width <= MOST_SIDE && height <= MOST_SIDE && pixels((width, height)) <= MOST_PIXELS;
    if is_small { Ok(()) } else { Err(Fault::TooManyPixels) }
}

/// Width and height.
type Size = (u32, u32);

fn pixels((width, height): Size) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Counts the frames of an animation: each is small enough, and so are all together.
#[derive(Default)]
struct Frames {
    pixels: u64,
}

impl Frames {
    fn add(&mut self, size: Size) -> Result<(), Fault> {
        check_size(size)?;
        self.pixels += pixels(size);
        if self.pixels <= MOST_ANIMATED_PIXELS { Ok(()) } else { Err(Fault::TooManyPixels) }
    }

    fn is_empty(&self) -> bool {
        self.pixels == 0
    }
}
