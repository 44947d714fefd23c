//! The one fact we read from STUN: whose connectivity check a datagram is.

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const USERNAME: u16 = 0x0006;

/// Our half of the user name in a STUN message (RFC 8445 7.2.2: "<receiver>:<sender>"), if it carries one.
pub fn receiver_ufrag(datagram: &[u8]) -> Option<&str> {
    if datagram.len() < HEADER || datagram[0] > 3 || datagram[4..8] != MAGIC_COOKIE {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([datagram[2], datagram[3]]));
    let mut attributes = datagram.get(HEADER..HEADER + length)?;
    while attributes.len() >= 4 {
        let kind = u16::from_be_bytes([attributes[0], attributes[1]]);
        let length = usize::from(u16::from_be_bytes([attributes[2], attributes[3]]));
        let value = attributes.get(4..4 + length)?;
        if kind == USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        attributes = attributes.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1];
        bytes.extend((attributes.len() as u16).to_be_bytes());
        bytes.extend(MAGIC_COOKIE);
        bytes.extend([0; 12]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn finds_our_ufrag_behind_other_attributes() {
        let attributes =
            [&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0][..], &[0, 6, 0, 7], b"ours:th", &[0]].concat();
        assert_eq!(receiver_ufrag(&message(&attributes)), Some("ours"));
    }

    #[test]
    fn garbage_has_no_ufrag() {
        assert_eq!(receiver_ufrag(&[]), None);
        assert_eq!(receiver_ufrag(&[0x80; 200]), None);
        // A length that points behind the end.
        assert_eq!(receiver_ufrag(&message(&[0, 6, 0xff, 0xff, 1, 2])), None);
        let mut cut = message(&[0, 6, 0, 4, b'a', b':', b'b', b'c']);
        cut.truncate(24);
        assert_eq!(receiver_ufrag(&cut), None);
    }
}
