//! Root file systems from Debian packages, each installed once and kept in the cache folder as a layer.

use std::fs::{self, File};
use std::io::BufWriter;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use deis_oci::{Compression, Digest, Layer};
use serde::{Deserialize, Serialize};

use crate::catalog::{BASE, Catalog, Root};
use crate::rootfs::{self, Index, Pattern};
use crate::{exec, report};

/// Part of every cache key: to be raised when this file or `rootfs.rs` changes what comes out.
const RECIPE: u32 = 2;

/// Leaves out files that no program reads, licences excepted. And does without flushing every file to disk, which takes
/// half of the time: what is interrupted is thrown away.
const DPKG: &[&str] = &[
    "force-unsafe-io",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
];

/// Names the mirror that mmdebstrap was given for the release once more, for its backports.
const BACKPORTS: &str = r#"sed -n "s/ $SUITE main/ $SUITE-backports main/p" "$1/etc/apt/sources.list" >"$1/etc/apt/sources.list.d/backports.list""#;

/// A layer of packages in the cache folder.
#[derive(Clone, Debug)]
pub struct RootLayer {
    /// Its digests.
    pub layer: Layer,
    /// The file that it is in.
    pub blob: PathBuf,
    /// The packages, for the image's history.
    pub packages: String,
}

/// The roots of a catalog and where their layers are kept.
pub struct Roots<'a> {
    catalog: &'a Catalog,
    cache: PathBuf,
}

/// All that decides what is in a root.
#[derive(Serialize)]
struct Recipe<'a> {
    recipe: u32,
    suite: &'a str,
    root: &'a Root,
    below: Option<Digest>,
}

/// `layer.json` beside a layer. Layers here are not compressed: digest and diff id are one.
#[derive(Serialize, Deserialize)]
struct Kept {
    digest: Digest,
    size: u64,
}

impl<'a> Roots<'a> {
    /// `cache` is made when it is not there.
    pub fn new(catalog: &'a Catalog, cache: &Path) -> Self {
        Self { catalog, cache: cache.join("images") }
    }

    /// The layers of a root, lowest first: the base, and what the root adds to it.
    pub fn layers(&self, name: &str) -> Result<Vec<RootLayer>> {
        let base = self.root(BASE)?;
        let lowest = self.layer(BASE, base, None)?;
        if name == BASE {
            return Ok(vec![lowest]);
        }
        let own = self.root(name)?;
        let mut root = own.clone();
        root.packages.extend(base.packages.iter().cloned());
        root.users.extend(base.users.clone());
        let upper = self.layer(name, &root, Some(&lowest))?;
        Ok(vec![lowest, RootLayer { packages: own.packages.join(" "), ..upper }])
    }

    fn root(&self, name: &str) -> Result<&'a Root> {
        self.catalog.roots.get(name).with_context(|| format!("there is no root {name}"))
    }

    fn layer(&self, name: &str, root: &Root, below: Option<&RootLayer>) -> Result<RootLayer> {
        let recipe =
            Recipe { recipe: RECIPE, suite: &self.catalog.suite, root, below: below.map(|below| below.layer.digest) };
        let key = Digest::of(&serde_json::to_vec(&recipe)?).hex();
        let folder = self.cache.join(format!("{name}-{}", key.get(..16).unwrap_or_default()));
        if !folder.join("layer.json").exists() {
            report::line(format_args!("installing {name}: {}", root.packages.join(" ")));
            self.install(root, below, &folder).with_context(|| format!("installing the root {name}"))?;
        }
        let kept: Kept = serde_json::from_slice(&fs::read(folder.join("layer.json"))?)
            .with_context(|| format!("reading {}", folder.display()))?;
        let layer =
            Layer { digest: kept.digest, diff_id: kept.digest, size: kept.size, compression: Compression::None };
        Ok(RootLayer { layer, blob: folder.join("layer.tar"), packages: root.packages.join(" ") })
    }

    /// Runs mmdebstrap and turns what it writes into a layer, in a folder that gets its name when it is complete.
    fn install(&self, root: &Root, below: Option<&RootLayer>, folder: &Path) -> Result<()> {
        fs::create_dir_all(&self.cache).with_context(|| format!("making {}", self.cache.display()))?;
        let new = tempfile::tempdir_in(&self.cache)?;
        let index = match below {
            Some(below) => rootfs::index(File::open(&below.blob)?)?,
            None => Index::new(),
        };

        let log = new.path().join("mmdebstrap.log");
        let mut installer = exec::command("mmdebstrap", self.arguments(root))
            .env("SOURCE_DATE_EPOCH", "0")
            .env("SUITE", &self.catalog.suite)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            // When it fails it sends SIGHUP to its whole process group, to be rid of its children: ours is not among them.
            .process_group(0)
            .spawn()
            .context("starting mmdebstrap (packages.txt lists what has to be installed)")?;
        let archive = installer.stdout.take().context("mmdebstrap has no output")?;
        let blob = BufWriter::with_capacity(1 << 20, File::create(new.path().join("layer.tar"))?);
        let written = rootfs::layer(archive, &Pattern::all(&root.drop), &index, blob);
        let status = installer.wait()?;
        if !status.success() {
            // Which of the two was first cannot be told: it fails too when what it writes is not taken.
            let ours =
                written.err().map(|error| format!("\nwhat it wrote was not taken: {error:#}")).unwrap_or_default();
            bail!("mmdebstrap failed: {status}\n{}{ours}", last_lines(&log));
        }
        let (layer, _) = written?;

        let kept = serde_json::to_vec(&Kept { digest: layer.digest, size: layer.size })?;
        fs::write(new.path().join("layer.json"), kept)?;
        // What a killed program left under this name is not complete.
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::rename(new.keep(), folder)?;
        Ok(())
    }

    fn arguments(&self, root: &Root) -> Vec<String> {
        let mut packages = vec!["usr-is-merged".to_owned()];
        packages.extend(root.packages.iter().cloned());
        packages.sort();
        let mut arguments = vec![
            "--quiet".to_owned(),
            "--variant=essential".to_owned(),
            "--format=tar".to_owned(),
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr".to_owned(),
            format!("--include={}", packages.join(",")),
        ];
        arguments.extend(DPKG.iter().map(|option| format!("--dpkgopt={option}")));
        if root.backports {
            arguments.push(format!("--setup-hook={BACKPORTS}"));
        }
        arguments.extend(root.users.iter().map(|(name, id)| {
            let group = format!(r#"echo "{name}:x:{id}:" >>"$1/etc/group""#);
            let user = format!(r#"echo "{name}:x:{id}:{id}::/home/{name}:/bin/sh" >>"$1/etc/passwd""#);
            format!("--essential-hook={group} && {user}")
        }));
        arguments
            .extend(root.folders.iter().map(|folder| format!(r#"--essential-hook=mkdir -p "$1"{}"#, quoted(folder))));
        // The command is an argument of the shell in the root, not a part of this one's text.
        arguments.extend(
            root.commands
                .iter()
                .map(|command| format!(r#"--customize-hook=chroot "$1" sh -eu -c {}"#, quoted(command))),
        );
        arguments.extend([self.catalog.suite.clone(), "-".to_owned()]);
        arguments
    }
}

/// The end of a log, where the cause usually is.
fn last_lines(log: &Path) -> String {
    let log = fs::read(log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
