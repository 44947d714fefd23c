//! stub
use super::Report;
pub fn page(_report: &Report) -> String {
    String::new()
}
