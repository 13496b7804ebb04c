//! A small file that came packed.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// A file that unfolds without an end is not read.
const LARGEST: usize = 32 * 1024 * 1024;
/// Signature, method, flags, time, two more.
const HEAD: usize = 10;
/// Checksum and length.
const TAIL: usize = 8;

/// None unless it is whole, and packed as Velero packs: with nothing in the head.
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let body = packed.get(HEAD..packed.len().checked_sub(TAIL)?)?;
    if packed[..4] != [0x1f, 0x8b, 8, 0] {
        return None;
    }
    let length = u32::from_le_bytes(packed.get(packed.len() - 4..)?.try_into().ok()?);
    let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST)?;
    let mut text = vec![0; length];
    let mut state = Box::<DecompressorOxide>::default();
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, read, written) = decompress(&mut state, body, &mut text, 0, flags);
    (status == TINFLStatus::Done && read == body.len() && written == length).then_some(text)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// In one block that is stored as it is.
    pub fn packed(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap();
        let mut all = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
        all.extend(length.to_le_bytes());
        all.extend((!length).to_le_bytes());
        all.extend(text.as_bytes());
        all.extend([0; 4]);
        all.extend(u32::from(length).to_le_bytes());
        all
    }

    #[test]
    fn only_what_is_whole_is_unpacked() {
        let whole = packed("all of it");
        assert_eq!(unpack(&whole).unwrap(), b"all of it");
        for at in 0..whole.len() {
            assert_eq!(unpack(&whole[..at]), None, "cut at {at}");
        }
        let mut longer = whole.clone();
        longer[whole.len() - 4] += 1;
        assert_eq!(unpack(&longer), None);
        // As `printf aaaaaaaaaaaaaaaa | gzip -n` has it.
        let run = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 0x44, 5, 0, 0xd5, 0x68, 0xd6, 0xcf, 16, 0, 0, 0];
        assert_eq!(unpack(&run), Some(vec![b'a'; 16]));
    }
}
