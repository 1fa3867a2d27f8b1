//! How the container images of the platform are made: Debian packages below, our programs on top, written by `deis-oci`.
//!
//! `images.toml` says what each image holds ([`catalog`]). A root file system is installed once by mmdebstrap and kept
//! as a layer in the cache folder ([`debian`], [`rootfs`]). An image is those layers and one of its own files
//! ([`assemble`]); it is made again only when one of its inputs changed ([`record`]). Its tag is a part of its digest,
//! so a changed program changes the name in the pods' templates and they roll. A second name, that of the release, is what
//! the chart looks for by default ([`names`]).
//!
//! The same inputs give the same digests. Packages are those that the mirror has on the day when a root is first
//! made; delete its cache folder to take newer ones.

pub mod assemble;
pub mod catalog;
pub mod commands;
pub mod debian;
mod exec;
pub mod names;
pub mod record;
mod report;
pub mod rootfs;
pub mod sources;
pub mod values;
