//! What stands in `deploy/observability`, tried with the programs that it is for.
mod dashboard;
mod files;
mod live;
mod prometheus;
mod slow_model;
