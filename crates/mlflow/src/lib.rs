//! MLflow's REST interface, as far as voce reads and writes it.
