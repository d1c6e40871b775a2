//! The least of tar and gzip that makes a valid layer, without compression.

/// A tar archive (POSIX ustar) with one regular file.
pub(crate) fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut header = [0_u8; BLOCK];
    let mut field = |offset: usize, text: &str| {
        header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    };
    field(0, name);
    field(100, "0000644");
    field(108, "0000000");
    field(116, "0000000");
    field(124, &format!("{:011o}", bytes.len()));
    field(136, "00000000000");
    // The checksum is taken with its own field filled with spaces.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar");
    field(263, "00");
    let checksum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());

    let mut archive = header.to_vec();
    archive.extend_from_slice(bytes);
    let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
    // Two empty blocks end an archive.
    archive.resize(archive.len() + padding + 2 * BLOCK, 0);
    archive
}

/// A gzip member (RFC 1952) of stored blocks (RFC 1951, 3.2.4).
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 0xffff;
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut rest = bytes;
    loop {
        let (block, after) = rest.split_at(rest.len().min(LONGEST));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        member.push(u8::from(after.is_empty()));
        member.extend_from_slice(&length.to_le_bytes());
        member.extend_from_slice(&(!length).to_le_bytes());
        member.extend_from_slice(block);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    member.extend_from_slice(&crc32(bytes).to_le_bytes());
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    member.extend_from_slice(&length.to_le_bytes());
    member
}

fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc_table();
    !bytes.iter().fold(!0, |crc, byte| {
        TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8)
    })
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    let mut first = 0_u32;
    while index < 256 {
        let mut crc = first;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
        first += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_gzip_is_crc32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_member_of_more_than_one_block_marks_only_the_last() {
        let member = gzip(&vec![7; 0x1_0000]);
        assert_eq!(member[10], 0);
        assert_eq!(member[10 + 5 + 0xffff], 1);
        assert_eq!(&member[member.len() - 4..], &0x1_0000_u32.to_le_bytes());
    }

    #[test]
    fn an_archive_is_whole_blocks_and_sums_its_header() {
        let archive = tar("a", b"hello");
        assert_eq!(archive.len(), 512 * 4);
        assert_eq!(&archive[512..517], b"hello");
        assert_eq!(&archive[124..135], b"00000000005");
    }
}
