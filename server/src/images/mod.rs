//! Pictures that strangers upload: known by their bytes, bounded before anybody decodes them, and freed
//! of what they tell beside the picture (place, time, camera, comments) without encoding them anew.
//!
//! Each format's parts are copied by a list of what the picture needs; everything else, and what
//! follows its end, is left out. A photograph's orientation stays, or it would lie on its side.

mod exif;
mod gif;
mod jpeg;
mod png;
mod reader;
#[cfg(test)]
mod tests;
mod webp;

use reader::Reader;

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

    /// What the name of a file says, in any case; `None` for another extension or none.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "jpeg" => Some(Self::Jpeg),
            other => Self::ALL.into_iter().find(|format| format.extension() == other),
        }
    }

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
