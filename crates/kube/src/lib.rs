//! @@deis-kube
