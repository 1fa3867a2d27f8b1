//! @@deis-rpc
