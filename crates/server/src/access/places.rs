//! The doorkeeper: how many calls at the same time, and how many in a minute, for one key or address.
use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use voce_transport::{Doorkeeper, Pass, Refused, Visitor};

use super::Access;

/// Calls that go on, by account. An account without one is not listed.
pub type Taken = Arc<Mutex<HashMap<String, usize>>>;

/// Asked before a call begins.
pub struct Places {
    pub access: Access,
}

/// Gives the place back.
struct Place {
    taken: Taken,
    account: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.account);
            }
        }
    }
}

impl Doorkeeper for Places {
    fn admit(&self, visitor: &Visitor) -> Result<Pass, Refused> {
        // Who asks past the layer, as in tests of the transport, has no limits.
        let Some(account) = visitor.account.clone() else { return Ok(Box::new(())) };
        let rules = self.access.rules();
        let is_key = is_key(&account);
        let refused = |reason: String, retry_after_seconds| Refused {
            is_callers_limit: true,
            reason,
            retry_after_seconds,
        };
        let whose = match is_key {
            true => format!("key {account:?}"),
            false => format!("the address {account}"),
        };
        let place = {
            let mut taken = self.access.taken().lock();
            let count = taken.entry(account.clone()).or_default();
            let most = if is_key { rules.most_calls(&account) } else { 0 };
            if most > 0 && *count >= most {
                let calls = if most == 1 { "its one call".to_owned() } else { format!("its {most} calls") };
                return Err(refused(
                    format!("{whose} has {calls} going on; one has to end first"),
                    self.access.retry_after_seconds(),
                ));
            }
            *count += 1;
            Place { taken: self.access.taken().clone(), account: account.clone() }
        };
        rules.calls.take(&account).map_err(|seconds| {
            refused(format!("{whose} has begun as many calls as it may in a minute"), seconds)
        })?;
        Ok(Box::new(place))
    }
}

/// Names of keys hold neither dot nor colon, addresses one of them.
fn is_key(account: &str) -> bool {
    !account.contains(['.', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::test::access;

    fn visitor(account: &str) -> Visitor {
        Visitor { account: Some(account.to_owned()), ..Visitor::default() }
    }

    #[test]
    fn a_key_has_its_number_of_calls_and_gets_a_place_back_when_one_ends() {
        let access = access(|config| {
            config.max_calls_per_key = 2;
            config.keys.entry("big".into()).or_default().max_calls = Some(3);
        });
        let door = access.doorkeeper();
        let first = door.admit(&visitor("shop")).unwrap();
        let _second = door.admit(&visitor("shop")).unwrap();
        let refused = door.admit(&visitor("shop")).err().unwrap();
        assert!(refused.is_callers_limit && refused.retry_after_seconds > 0);
        assert!(refused.reason.contains("key \"shop\" has its 2 calls"), "{}", refused.reason);
        drop(first);
        let _third = door.admit(&visitor("shop")).unwrap();
        let big: Vec<Pass> = (0..3).map(|_| door.admit(&visitor("big")).unwrap()).collect();
        assert!(door.admit(&visitor("big")).is_err());
        // Addresses share no key's number.
        let many: Vec<Pass> = (0..9).map(|_| door.admit(&visitor("203.0.113.7")).unwrap()).collect();
        drop((big, many));
        assert_eq!(access.taken().lock().len(), 1, "only shop has calls");
    }

    #[test]
    fn so_many_calls_may_begin_in_a_minute_also_of_one_address() {
        let access = access(|config| config.calls_per_minute = 2);
        let door = access.doorkeeper();
        let begun = (0..5).filter(|_| door.admit(&visitor("203.0.113.7")).is_ok()).count();
        assert!((2..=3).contains(&begun), "{begun}");
        let refused = door.admit(&visitor("203.0.113.7")).err().unwrap();
        assert!(refused.reason.contains("the address 203.0.113.7 has begun as many calls"), "{refused}");
        assert!(door.admit(&Visitor::default()).is_ok());
        assert!(access.taken().lock().is_empty(), "no call goes on");
    }
}
