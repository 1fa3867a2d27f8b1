//! @@deis-workflow
