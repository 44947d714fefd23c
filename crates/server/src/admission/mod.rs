//! Admission by a measured budget: whether those inside would notice one call more.
mod config;

pub use config::AdmissionConfig;
