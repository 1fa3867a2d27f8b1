//! @@deis-router
