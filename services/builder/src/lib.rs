//! @@deis-builder
