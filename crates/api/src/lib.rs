//! @@deis-api
