//! What we read from and change in our own answers.
use std::net::SocketAddr;

/// A way to us that browsers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What kind of way it is.
    pub kind: Kind,
    /// Where it begins.
    pub address: SocketAddr,
}

/// Kinds of ways, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The shared socket itself, or what is forwarded to it unchanged.
    Host,
    /// The shared socket as a NAT shows it.
    Mapped,
    /// A TURN server's, for this call alone.
    Relayed,
}

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

/// The addresses of a description's relay candidates.
pub fn relayed(sdp: &str) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for line in sdp.lines().filter(|line| line.starts_with("a=candidate:")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[_, _, _, _, ip, port, "typ", "relay", ..] = words.as_slice() else { continue };
        if let (Ok(ip), Ok(port)) = (ip.parse(), port.parse()) {
            let address = SocketAddr::new(ip, port);
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}

/// Puts the ways that lead to us in place of the description's own candidates: the `webrtc` crate only knows a socket
/// that it bound itself and that is closed again.
pub fn with_candidates(sdp: &str, candidates: &[Candidate]) -> String {
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
            lines.extend((0u16..).zip(candidates).map(|(index, candidate)| line_of(index, *candidate)));
            lines.push("a=end-of-candidates".to_owned());
        }
    }
    lines.push(String::new());
    lines.join("\r\n")
}

/// RFC 8839 5.1, with the priority of RFC 8445 5.1.2.1: by type, earlier addresses first, component 1. What a mapped
/// or relayed way stands for within our own network is nobody's business.
fn line_of(index: u16, candidate: Candidate) -> String {
    let Candidate { kind, address } = candidate;
    let nowhere = if address.is_ipv4() { "0.0.0.0" } else { "::" };
    let (preference, kind) = match kind {
        Kind::Host => (126u32, "host".to_owned()),
        Kind::Mapped => (100, format!("srflx raddr {nowhere} rport 0")),
        Kind::Relayed => (0, format!("relay raddr {nowhere} rport 0")),
    };
    let priority = (preference << 24) + (u32::from(u16::MAX - index) << 8) + 255;
    let (ip, port) = (address.ip(), address.port());
    format!("a=candidate:{} 1 udp {priority} {ip} {port} typ {kind}", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n\
        a=candidate:1 1 udp 2130706431 127.0.0.1 54321 typ host ufrag abcd\r\n\
        a=candidate:1 2 udp 2130706430 127.0.0.1 54321 typ host ufrag abcd\r\n\
        a=candidate:2 1 udp 16777215 203.0.113.9 49200 typ relay raddr 10.0.0.2 rport 40000\r\n\
        a=candidate:2 2 udp 16777214 203.0.113.9 49200 typ relay raddr 10.0.0.2 rport 40000\r\na=end-of-candidates\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n";

    fn candidate(kind: Kind, address: &str) -> Candidate {
        Candidate { kind, address: address.parse().unwrap() }
    }

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
    fn candidates_become_the_ways_that_lead_to_us() {
        let candidates = [
            candidate(Kind::Host, "192.0.2.1:5000"),
            candidate(Kind::Host, "192.0.2.2:5000"),
            candidate(Kind::Mapped, "203.0.113.5:61000"),
            candidate(Kind::Relayed, "[2001:db8::9]:49200"),
        ];
        let answer = with_candidates(ANSWER, &candidates);
        let lines: Vec<&str> = answer.lines().filter(|line| line.contains("candidate")).collect();
        assert_eq!(
            lines,
            [
                "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
                "a=candidate:2 1 udp 2130706175 192.0.2.2 5000 typ host",
                "a=candidate:3 1 udp 1694498303 203.0.113.5 61000 typ srflx raddr 0.0.0.0 rport 0",
                "a=candidate:4 1 udp 16776447 2001:db8::9 49200 typ relay raddr :: rport 0",
                "a=end-of-candidates"
            ]
        );
        assert!(answer.ends_with("a=ice-pwd:secret\r\n"));
    }

    #[test]
    fn ufrags_are_found_in_every_section() {
        assert_eq!(ufrags(ANSWER).collect::<Vec<_>>(), ["abcd", "abcd"]);
    }

    #[test]
    fn relayed_addresses_are_found_once() {
        assert_eq!(relayed(ANSWER), ["203.0.113.9:49200".parse::<SocketAddr>().unwrap()]);
    }
}
