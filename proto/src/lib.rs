//! @@deis-proto
