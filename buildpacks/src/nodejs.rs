//! Node.js: what `package.json` asks for, installed by npm from the lock file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use libcnb::Buildpack;
use libcnb::build::{BuildContext, BuildResult};
use libcnb::detect::{DetectContext, DetectResult};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb_data::layer_name;
use serde::Deserialize;

use crate::language::{self, Kept, LanguageError, Tool};
use crate::step;

pub(crate) struct NodejsBuildpack;

/// Debian's npm is hundreds of packages. What apps use of it at run time is that it starts their scripts.
const RUN_SCRIPT: &str = include_str!("nodejs/npm");

/// What matters here of `package.json`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Package {
    scripts: BTreeMap<String, String>,
    engines: BTreeMap<String, String>,
    dependencies: BTreeMap<String, String>,
    dev_dependencies: BTreeMap<String, String>,
    optional_dependencies: BTreeMap<String, String>,
}

/// Where dependencies come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dependencies {
    None,
    /// `node_modules` is in the repository.
    Committed,
    Locked,
    Unlocked,
}

impl Buildpack for NodejsBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = LanguageError;

    fn detect(&self, context: DetectContext<Self>) -> libcnb::Result<DetectResult, LanguageError> {
        language::detected(language::has_any(&context.app_dir, &["package.json"]))
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, LanguageError> {
        let app = context.app_dir.as_path();
        let package = Package::read(app)?;
        let dependencies = Dependencies::of(app, &package)?;
        let node = Tool { program: "node", folder: app, env: Vec::new() };
        let version = node.ask(&["--version"])?.unwrap_or_default();
        check_version(&node, package.engines.get("node").map(String::as_str), version.trim_start_matches('v'))?;
        step(&format!("Using Node.js {version}"));

        let cache = Kept { name: layer_name!("npm"), made_of: &version, launch: false, what: "the npm cache" };
        let npm = Tool { program: "npm", folder: app, env: npm_env(&context, &cache.layer(&context)?.0) };
        install(&npm, &package, dependencies)?;

        let settings =
            language::settings(&context, &[("NODE_ENV", "production")], Some(&app.join("node_modules/.bin")))?;
        install_run_script(&settings.path().join("bin")).map_err(LanguageError::io("write into a layer"))?;
        let starts = package.scripts.contains_key("start") || app.join("server.js").is_file();
        language::finish(starts.then_some("npm start"), &["node_modules"])
    }

    fn on_error(&self, error: libcnb::Error<LanguageError>) {
        language::explain(error);
    }
}

impl Package {
    fn read(app: &Path) -> Result<Self, LanguageError> {
        let text = language::read(app, "package.json")?.unwrap_or_default();
        serde_json::from_str(&text)
            .map_err(|error| LanguageError::refused(format!("package.json cannot be read: {error}.")))
    }

    fn needs_something(&self) -> bool {
        !(self.dependencies.is_empty() && self.dev_dependencies.is_empty() && self.optional_dependencies.is_empty())
    }

    /// The script that makes files before the app is an image; Heroku's own name goes first.
    fn build_script(&self) -> Option<&'static str> {
        ["heroku-postbuild", "build"].into_iter().find(|name| self.scripts.contains_key(*name))
    }
}

impl Dependencies {
    fn of(app: &Path, package: &Package) -> Result<Self, LanguageError> {
        if app.join("node_modules").is_dir() {
            return Ok(Self::Committed);
        }
        if language::has_any(app, &["package-lock.json", "npm-shrinkwrap.json"]) {
            return Ok(Self::Locked);
        }
        for (lock, manager) in [("yarn.lock", "Yarn"), ("pnpm-lock.yaml", "pnpm"), ("bun.lock", "Bun")] {
            if app.join(lock).is_file() {
                return Err(LanguageError::refused(format!(
                    "{lock} cannot be used: {manager} is not in the stack. Run \"npm install --package-lock-only\", \
                     commit package-lock.json and push again."
                )));
            }
        }
        Ok(if package.needs_something() { Self::Unlocked } else { Self::None })
    }
}

/// npm's own idea of which versions a range has.
fn check_version(node: &Tool<'_>, range: Option<&str>, version: &str) -> Result<(), LanguageError> {
    let Some(range) = range else { return Ok(()) };
    let fits = "process.exit(require('semver').satisfies(process.argv[1], process.argv[2]) ? 0 : 1)";
    if node.ask(&["-e", fits, "--", version, range])?.is_some() {
        return Ok(());
    }
    Err(LanguageError::refused(format!(
        "package.json asks for Node.js {range}, and the stack has {version}: change \"engines\", commit and push again."
    )))
}

fn npm_env(context: &BuildContext<NodejsBuildpack>, cache: &Path) -> Vec<(&'static str, OsString)> {
    let mut env = vec![
        ("npm_config_audit", "false".into()),
        ("npm_config_cache", cache.into()),
        ("npm_config_fund", "false".into()),
        // What the cache has is not asked for again.
        ("npm_config_prefer_offline", "true".into()),
        ("npm_config_update_notifier", "false".into()),
    ];
    if language::variable(context, "NODE_ENV").is_none() {
        env.push(("NODE_ENV", "production".into()));
    }
    env
}

/// A build script may need the development dependencies, which are taken out again after it.
fn install(npm: &Tool<'_>, package: &Package, dependencies: Dependencies) -> Result<(), LanguageError> {
    let build = package.build_script();
    let dev = if build.is_some() { "--include=dev" } else { "--omit=dev" };
    match dependencies {
        Dependencies::None => {}
        Dependencies::Committed => {
            step("Using the node_modules of the repository");
            npm.run(&["rebuild"])?;
        }
        Dependencies::Locked => npm.run(&["ci", dev])?,
        Dependencies::Unlocked => {
            step("There is no package-lock.json: every build may get other versions");
            npm.run(&["install", "--no-package-lock", dev])?;
        }
    }
    let Some(build) = build else { return Ok(()) };
    npm.run(&["run", build])?;
    let is_ours = matches!(dependencies, Dependencies::Locked | Dependencies::Unlocked);
    if is_ours && !package.dev_dependencies.is_empty() {
        let lock: &[&str] = if dependencies == Dependencies::Unlocked { &["--no-package-lock"] } else { &[] };
        npm.run(&[&["prune", "--omit=dev"], lock].concat())?;
    }
    Ok(())
}

fn install_run_script(bin: &Path) -> std::io::Result<()> {
    fs::create_dir_all(bin)?;
    let npm = bin.join("npm");
    fs::write(&npm, RUN_SCRIPT)?;
    fs::set_permissions(npm, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependencies(files: &[&str], package: &str) -> Result<Dependencies, LanguageError> {
        let app = tempfile::tempdir().unwrap();
        for file in files {
            if file.ends_with('/') {
                fs::create_dir(app.path().join(file)).unwrap();
            } else {
                fs::write(app.path().join(file), "").unwrap();
            }
        }
        fs::write(app.path().join("package.json"), package).unwrap();
        Dependencies::of(app.path(), &Package::read(app.path())?)
    }

    #[test]
    fn where_dependencies_come_from() {
        let some = r#"{"dependencies": {"a": "1"}}"#;
        for (files, package, expected) in [
            (&[][..], "{}", Dependencies::None),
            (&[], some, Dependencies::Unlocked),
            (&[], r#"{"devDependencies": {"a": "1"}}"#, Dependencies::Unlocked),
            (&["package-lock.json"], some, Dependencies::Locked),
            (&["npm-shrinkwrap.json", "yarn.lock"], some, Dependencies::Locked),
            (&["package-lock.json", "node_modules/"], some, Dependencies::Committed),
        ] {
            assert_eq!(dependencies(files, package).unwrap(), expected, "{files:?} {package}");
        }
        let refused = dependencies(&["yarn.lock"], some).unwrap_err().to_string();
        assert!(refused.starts_with("yarn.lock cannot be used: Yarn is not in the stack."), "{refused}");
        let refused = dependencies(&[], "{").unwrap_err().to_string();
        assert!(refused.starts_with("package.json cannot be read: "), "{refused}");
    }

    #[test]
    fn the_build_script() {
        for (scripts, expected) in [
            ("{}", None),
            (r#"{"start": "node ."}"#, None),
            (r#"{"build": "tsc"}"#, Some("build")),
            (r#"{"build": "tsc", "heroku-postbuild": "make"}"#, Some("heroku-postbuild")),
        ] {
            let package: Package = serde_json::from_str(&format!("{{\"scripts\": {scripts}}}")).unwrap();
            assert_eq!(package.build_script(), expected);
        }
    }
}
