//! What we ourselves read and write of STUN: whose connectivity check a datagram is, and the question for our own
//! address as others see it.
use std::net::{IpAddr, SocketAddr};

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const USERNAME: u16 = 0x0006;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// What an answer repeats of its question.
pub type TransactionId = [u8; 12];

/// Our half of the user name in a STUN message (RFC 8445 7.2.2: "<receiver>:<sender>"), if it carries one.
pub fn receiver_ufrag(datagram: &[u8]) -> Option<&str> {
    if datagram.len() < HEADER || datagram[0] > 3 || datagram[4..8] != MAGIC_COOKIE {
        return None;
    }
    std::str::from_utf8(attribute(datagram, USERNAME)?).ok()?.split(':').next()
}

/// The question which address this datagram came from, as its receiver sees it.
pub fn binding_request(id: &TransactionId) -> [u8; HEADER] {
    let mut request = [0; HEADER];
    request[..2].copy_from_slice(&BINDING_REQUEST);
    request[4..8].copy_from_slice(&MAGIC_COOKIE);
    request[8..].copy_from_slice(id);
    request
}

/// The question that this is the answer to, if it is one.
pub fn answered(datagram: &[u8]) -> Option<TransactionId> {
    let is_answer =
        datagram.len() >= HEADER && datagram[..2] == BINDING_SUCCESS && datagram[4..8] == MAGIC_COOKIE;
    is_answer.then(|| datagram[8..HEADER].try_into().ok())?
}

/// The address in an answer (RFC 8489 14.2).
pub fn mapped_address(datagram: &[u8]) -> Option<SocketAddr> {
    let value = attribute(datagram, XOR_MAPPED_ADDRESS)?;
    let (family, rest) = (value.get(1)?, value.get(2..)?);
    let plain: Vec<u8> = rest.get(2..)?.iter().zip(&datagram[4..]).map(|(byte, mask)| byte ^ mask).collect();
    let ip = match family {
        1 => IpAddr::from(<[u8; 4]>::try_from(plain).ok()?),
        2 => IpAddr::from(<[u8; 16]>::try_from(plain).ok()?),
        _ => return None,
    };
    let port = u16::from_be_bytes([rest[0] ^ MAGIC_COOKIE[0], rest[1] ^ MAGIC_COOKIE[1]]);
    Some(SocketAddr::new(ip, port))
}

fn attribute(datagram: &[u8], wanted: u16) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]));
    let mut attributes = datagram.get(HEADER..HEADER + length)?;
    while attributes.len() >= 4 {
        let kind = u16::from_be_bytes([attributes[0], attributes[1]]);
        let length = usize::from(u16::from_be_bytes([attributes[2], attributes[3]]));
        let value = attributes.get(4..4 + length)?;
        if kind == wanted {
            return Some(value);
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

    /// RFC 5769 2.2 and 2.3: the sample answers, as far as we read them.
    #[test]
    fn the_mapped_address_of_the_sample_answers_is_read() {
        let id = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        let answer = |attribute: &[u8]| {
            let mut bytes = message(attribute);
            bytes[..2].copy_from_slice(&BINDING_SUCCESS);
            bytes[8..20].copy_from_slice(&id);
            bytes
        };
        let four = answer(&[0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(answered(&four), Some(id));
        assert_eq!(mapped_address(&four), Some("192.0.2.1:32853".parse().unwrap()));
        let six = answer(&[
            0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25,
            0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ]);
        assert_eq!(
            mapped_address(&six),
            Some("[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap())
        );
        // Neither a question nor half an address is an answer.
        assert_eq!(answered(&binding_request(&id)), None);
        assert_eq!(mapped_address(&answer(&[0, 0x20, 0, 6, 0, 1, 0xa1, 0x47, 0xe1, 0x12])), None);
        assert_eq!(mapped_address(&[]), None);
    }
}
