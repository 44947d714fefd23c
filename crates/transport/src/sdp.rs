//! What we read from and change in our own answers.
use std::net::IpAddr;

/// Candidates in one offer; a browser knows a handful of its addresses. We send a check to each of them.
const MOST_CANDIDATES: usize = 64;
/// Media sections in one offer; a call has two.
const MOST_SECTIONS: usize = 16;
/// The longest line, bytes.
const LONGEST_LINE: usize = 4 * 1024;

/// Refuses an offer that no browser makes, before anything is made of it. The error says what was expected.
pub fn check_offer(sdp: &str) -> Result<(), String> {
    let (mut candidates, mut sections) = (0, 0);
    for line in sdp.lines() {
        candidates += usize::from(line.starts_with("a=candidate:"));
        sections += usize::from(line.starts_with("m="));
        if line.len() > LONGEST_LINE {
            return Err(format!("a line has {} bytes; expected at most {LONGEST_LINE}", line.len()));
        }
    }
    if candidates > MOST_CANDIDATES {
        return Err(format!("it has {candidates} candidates; expected at most {MOST_CANDIDATES}"));
    }
    if sections > MOST_SECTIONS {
        return Err(format!("it has {sections} media sections; expected at most {MOST_SECTIONS}"));
    }
    Ok(())
}

/// The ICE user names of a description.
pub fn ufrags(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

/// Puts the addresses that browsers reach us at in place of the description's own candidates: the `webrtc` crate
/// only knows a socket that it bound itself and that is closed again.
pub fn with_candidates(sdp: &str, addresses: &[IpAddr], port: u16) -> String {
    let mut lines = Vec::new();
    let mut in_media = false;
    let mut given = false;
    for line in sdp.lines() {
        if line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates") {
            continue;
        }
        in_media |= line.starts_with("m=");
        lines.push(line.to_owned());
        // Everything is bundled on the first section that has a transport.
        if in_media && !given && line.starts_with("a=ice-pwd:") {
            given = true;
            lines.extend((0u16..).zip(addresses).map(|(index, ip)| host_candidate(index, *ip, port)));
            lines.push("a=end-of-candidates".to_owned());
        }
    }
    lines.push(String::new());
    lines.join("\r\n")
}

/// RFC 8839 5.1, with the priority of RFC 8445 5.1.2.1: host type, earlier addresses first, component 1.
fn host_candidate(index: u16, address: IpAddr, port: u16) -> String {
    let priority = (126u32 << 24) + (u32::from(u16::MAX - index) << 8) + 255;
    format!("a=candidate:{} 1 udp {priority} {address} {port} typ host", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n\
        a=candidate:1 1 udp 2130706431 127.0.0.1 54321 typ host ufrag abcd\r\n\
        a=candidate:1 2 udp 2130706430 127.0.0.1 54321 typ host ufrag abcd\r\na=end-of-candidates\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n";

    #[test]
    fn an_offer_that_no_browser_makes_is_refused() {
        assert_eq!(check_offer(ANSWER), Ok(()));
        let refused = |offer: String| check_offer(&offer).expect_err("it is too much");
        assert!(
            refused("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n".repeat(65)).contains("65 candidates")
        );
        assert!(refused("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(17)).contains("17 media sections"));
        assert!(refused(format!("a={}", "x".repeat(LONGEST_LINE))).contains("a line has"));
    }

    #[test]
    fn candidates_become_the_advertised_addresses() {
        let addresses = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let answer = with_candidates(ANSWER, &addresses, 5000);
        let candidates: Vec<&str> = answer.lines().filter(|line| line.contains("candidate")).collect();
        assert_eq!(
            candidates,
            [
                "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
                "a=candidate:2 1 udp 2130706175 192.0.2.2 5000 typ host",
                "a=end-of-candidates"
            ]
        );
        assert!(answer.ends_with("a=ice-pwd:secret\r\n"));
    }

    #[test]
    fn ufrags_are_found_in_every_section() {
        assert_eq!(ufrags(ANSWER).collect::<Vec<_>>(), ["abcd", "abcd"]);
    }
}
