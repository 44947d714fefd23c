//! Who asks, as the layer found out.
use std::net::IpAddr;

use voce_transport::Visitor;

use super::token::Claims;

/// What somebody has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nothing, or nothing that counts.
    Nobody,
    /// A key; this is its name.
    Key(String),
    /// A session token.
    Token(Claims),
}

/// Somebody at the door. A request's extension.
#[derive(Clone, Debug)]
pub struct Guest {
    pub who: Who,
    /// Where the request came from, if that is known.
    pub address: Option<IpAddr>,
    /// Whether this server asks for a key or a token at all.
    pub is_required: bool,
}

impl Guest {
    /// Whether they may use the server.
    pub fn is_in(&self) -> bool {
        !self.is_required || self.who != Who::Nobody
    }

    /// Whether they may see what is everybody's: calls, sinks, metrics.
    pub fn is_operator(&self) -> bool {
        !self.is_required || matches!(self.who, Who::Key(_))
    }

    /// Whether they may see a call of this owner.
    pub fn may_see(&self, owner: Option<&str>) -> bool {
        self.is_operator() || (self.is_in() && owner.is_some() && owner == self.owner().as_deref())
    }

    /// Whose limits count: the key's, else those of the address. Names of keys hold neither dot nor colon. Who asks from this
    /// machine without a key is not counted: it is the operator, or a proxy that stands for everybody.
    pub fn account(&self) -> Option<String> {
        let key = match &self.who {
            Who::Key(name) => Some(name.clone()),
            Who::Token(claims) => claims.key.clone(),
            Who::Nobody => None,
        };
        key.or_else(|| self.address.filter(|address| !address.is_loopback()).map(account_of))
    }

    /// Who alone may go on with calls that they begin.
    fn owner(&self) -> Option<String> {
        match &self.who {
            Who::Nobody => None,
            Who::Key(name) => Some(name.clone()),
            Who::Token(Claims { sub, key, sid, jti, .. }) => {
                let key = key.as_deref().unwrap_or_default();
                Some(match (sub, sid.as_ref().or(jti.as_ref())) {
                    (Some(user), _) => format!("{key}/user/{user}"),
                    (None, Some(session)) => format!("{key}/session/{session}"),
                    (None, None) => format!("{key}/"),
                })
            }
        }
    }

    /// What the transport needs to know.
    pub fn visitor(&self) -> Visitor {
        let user = match &self.who {
            Who::Token(claims) => claims.sub.clone(),
            Who::Nobody | Who::Key(_) => None,
        };
        Visitor { account: self.account(), user, owner: self.owner() }
    }
}

/// An address as an account: of IPv6 the network, since one household has all addresses of one.
fn account_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(who: Who) -> Guest {
        Guest { who, address: Some([203, 0, 113, 7].into()), is_required: true }
    }

    fn token(sub: Option<&str>, sid: &str) -> Who {
        let (sub, key, sid) = (sub.map(str::to_owned), Some("shop".to_owned()), Some(sid.to_owned()));
        Who::Token(Claims { sub, key, sid, iat: 0, exp: 1, jti: None })
    }

    #[test]
    fn a_user_sees_their_own_calls_a_key_all_and_nobody_none() {
        let ann = guest(token(Some("ann"), "1"));
        let anns = ann.visitor().owner;
        assert!(ann.may_see(anns.as_deref()) && guest(token(Some("ann"), "2")).may_see(anns.as_deref()));
        assert!(!guest(token(Some("bob"), "1")).may_see(anns.as_deref()) && !ann.may_see(None));
        let page = guest(token(None, "1"));
        let pages = page.visitor().owner;
        assert!(page.may_see(pages.as_deref()) && !guest(token(None, "2")).may_see(pages.as_deref()));
        assert!(guest(Who::Key("shop".into())).may_see(anns.as_deref()));
        assert!(!guest(Who::Nobody).may_see(None) && !guest(Who::Nobody).is_in());
        assert!(Guest { is_required: false, ..guest(Who::Nobody) }.may_see(anns.as_deref()));
    }

    #[test]
    fn limits_are_the_keys_else_the_addresss_and_ipv6_counts_by_network() {
        assert_eq!(guest(token(Some("ann"), "1")).account().as_deref(), Some("shop"));
        assert_eq!(guest(Who::Nobody).account().as_deref(), Some("203.0.113.7"));
        let at = |address: &str| account_of(address.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(guest(Who::Nobody).visitor().owner, None);
        let here = Guest { address: Some([127, 0, 0, 1].into()), ..guest(Who::Nobody) };
        assert_eq!(here.account(), None);
    }
}
