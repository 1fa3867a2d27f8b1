//! @@deis-state
