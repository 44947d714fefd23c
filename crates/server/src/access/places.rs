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
        let place = {
            let mut taken = self.access.taken().lock();
            let going_on = taken.get(&account).copied().unwrap_or_default();
            self.has_room(&account, going_on)?;
            taken.insert(account.clone(), going_on + 1);
            Place { taken: self.access.taken().clone(), account: account.clone() }
        };
        self.access.rules().calls.take(&account).map_err(|seconds| {
            refused(format!("{} has begun as many calls as it may in a minute", whose(&account)), seconds)
        })?;
        Ok(Box::new(place))
    }

    /// Asking before the offer is not counted, or one call would count twice.
    fn would_admit(&self, visitor: &Visitor) -> Result<(), Refused> {
        let Some(account) = &visitor.account else { return Ok(()) };
        let going_on = self.access.taken().lock().get(account).copied().unwrap_or_default();
        self.has_room(account, going_on)
    }
}

impl Places {
    fn has_room(&self, account: &str, going_on: usize) -> Result<(), Refused> {
        let most = if is_key(account) { self.access.rules().most_calls(account) } else { 0 };
        if most == 0 || going_on < most {
            return Ok(());
        }
        let calls = if most == 1 { "its one call".to_owned() } else { format!("its {most} calls") };
        let reason = format!("{} has {calls} going on; one has to end first", whose(account));
        Err(refused(reason, self.access.retry_after_seconds()))
    }
}

fn refused(reason: String, retry_after_seconds: u64) -> Refused {
    Refused { is_callers_limit: true, reason, retry_after_seconds }
}

fn whose(account: &str) -> String {
    match is_key(account) {
        true => format!("key {account:?}"),
        false => format!("the address {account}"),
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
        assert_eq!(door.would_admit(&visitor("shop")), Err(refused.clone()));
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
        assert!(
            (0..50).all(|_| door.would_admit(&visitor("203.0.113.7")).is_ok()),
            "asking counts for nothing"
        );
        let begun = (0..5).filter(|_| door.admit(&visitor("203.0.113.7")).is_ok()).count();
        assert!((2..=3).contains(&begun), "{begun}");
        let refused = door.admit(&visitor("203.0.113.7")).err().unwrap();
        assert!(refused.reason.contains("the address 203.0.113.7 has begun as many calls"), "{refused}");
        assert!(door.admit(&Visitor::default()).is_ok());
        assert!(access.taken().lock().is_empty(), "no call goes on");
    }
}
