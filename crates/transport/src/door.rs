//! Who is at the door, and who says whether a call may begin. The rules are the server's own.
use std::any::Any;

/// Who asks, as whoever stands in front of the routes found out. A request's extension; without one nobody is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    /// Whose limits the call counts against: a key's name, else an address.
    pub account: Option<String>,
    /// Who calls, where that was proved. Wins over what the client says of itself.
    pub user: Option<String>,
    /// Who alone may go on with a call that this one begins, where they have proved who they are. An address proves
    /// nothing and changes with the network, so it is none.
    pub owner: Option<String>,
}

/// Says whether a new call may begin. Asked in order; the first refusal counts.
pub trait Doorkeeper: Send + Sync {
    /// Lets a new call of `visitor` in, or says why not. What is returned is held until the call is over.
    ///
    /// # Errors
    /// The refusal that the caller gets.
    fn admit(&self, visitor: &Visitor) -> Result<Pass, Refused>;

    /// Whether [`Doorkeeper::admit`] would let a call in now, for who only asks. Who counts the calls that begin has a
    /// way of its own.
    ///
    /// # Errors
    /// The refusal that the caller would get.
    fn would_admit(&self, visitor: &Visitor) -> Result<(), Refused> {
        self.admit(visitor).map(drop)
    }
}

/// Why calls are refused, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many calls as allowed go on.
    Places,
    /// A doorkeeper says that the server cannot take more.
    Busy,
    /// A caller's own limit.
    Limit,
    /// The server takes no more calls.
    Closed,
}

/// All of them.
pub const REFUSALS: [Refusal; 4] = [Refusal::Places, Refusal::Busy, Refusal::Limit, Refusal::Closed];

impl Refusal {
    /// A word for a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Places => "places",
            Self::Busy => "busy",
            Self::Limit => "limit",
            Self::Closed => "closed",
        }
    }
}

/// Held while a call goes on.
pub type Pass = Box<dyn Any + Send + Sync>;

/// Why a call may not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; try again in {retry_after_seconds} seconds")]
pub struct Refused {
    /// Whose fault it is: the caller's own limit (429), else the server's (503).
    pub is_callers_limit: bool,
    /// What is full or too fast, for people.
    pub reason: String,
    /// When to ask again.
    pub retry_after_seconds: u64,
}
