//! Portraits drawn in code: the simulators have avatars, and ship nobody's face.

use jpeg_encoder::{ColorType, Encoder};

const SIDE: u16 = 96;

/// A head and shoulders before a colour that depends on `seed`, as a JPEG.
pub(super) fn portrait(seed: i64) -> Vec<u8> {
    const GROUNDS: [[u8; 3]; 6] =
        [[94, 129, 172], [163, 190, 140], [208, 135, 112], [180, 142, 173], [136, 192, 208], [191, 97, 106]];
    let count = i64::try_from(GROUNDS.len()).unwrap_or(1);
    let ground = GROUNDS[usize::try_from(seed.rem_euclid(count)).unwrap_or(0)];
    let mut pixels = Vec::with_capacity(3 * usize::from(SIDE) * usize::from(SIDE));
    for y in 0..i32::from(SIDE) {
        for x in 0..i32::from(SIDE) {
            let within = |centre_y: i32, radius: i32| {
                (x - 48) * (x - 48) + (y - centre_y) * (y - centre_y) < radius * radius
            };
            let is_person = within(38, 18) || within(96, 36);
            pixels.extend_from_slice(if is_person { &[236, 239, 244] } else { &ground });
        }
    }
    let mut jpeg = Vec::new();
    match Encoder::new(&mut jpeg, 85).encode(&pixels, SIDE, SIDE, ColorType::Rgb) {
        Ok(()) => jpeg,
        // An employee without a picture is a case every client has to handle anyway.
        Err(_) => Vec::new(),
    }
}
