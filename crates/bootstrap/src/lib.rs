//! @@deis-bootstrap
