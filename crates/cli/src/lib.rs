//! @@deis-cli
