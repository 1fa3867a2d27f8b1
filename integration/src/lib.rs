//! @@deis-integration
