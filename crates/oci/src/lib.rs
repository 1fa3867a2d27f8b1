//! @@deis-oci
