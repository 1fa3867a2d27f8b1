//! @@deis-registry-proxy
