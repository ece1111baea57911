//! Bytes, taken from the front. What is not there is a malformed picture.

use super::Fault;

pub struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.rest)
    }

    pub fn take(&mut self, count: usize) -> Result<&'b [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Fault::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Everything before the first place where `is_end` holds for the two bytes there.
    pub fn take_until(&mut self, is_end: impl Fn(u8, u8) -> bool) -> Result<&'b [u8], Fault> {
        let end = self.rest.windows(2).position(|pair| is_end(pair[0], pair[1]));
        self.take(end.ok_or(Fault::Malformed)?)
    }

    pub fn expect(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.take(bytes.len())? == bytes { Ok(()) } else { Err(Fault::Malformed) }
    }

    pub fn u8(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16_be(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u16_le(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u24_le(&mut self) -> Result<u32, Fault> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    pub fn u32_be(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u32_le(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.try_into().map_err(|_| Fault::Malformed)
    }
}

/// A length that a picture states, for [`Reader::take`].
pub fn length(stated: u32) -> Result<usize, Fault> {
    usize::try_from(stated).map_err(|_| Fault::Malformed)
}
