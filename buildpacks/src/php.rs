//! PHP: Composer's packages, and Apache with PHP inside.
//!
//! Apache with mod_php is one tree of processes, with one log and one signal that lets requests finish; nginx with
//! PHP-FPM would be two, with somebody to watch both. And apps bring their `.htaccess`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use libcnb::Buildpack;
use libcnb::build::{BuildContext, BuildResult};
use libcnb::detect::{DetectContext, DetectResult};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb::layer::UncachedLayerDefinition;
use libcnb_data::layer_name;
use serde::Deserialize;

use crate::language::{self, Kept, LanguageError, Tool};
use crate::step;

pub(crate) struct PhpBuildpack;

/// Starts the web server: `php-server [FOLDER]`.
const SERVER: &str = include_str!("php/php-server");
const SERVER_CONFIG: &str = include_str!("php/httpd.conf");
const PHP_CONFIG: &str = include_str!("php/php.ini");

/// Folders that frameworks serve, by their custom.
const DOCUMENT_ROOTS: [&str; 2] = ["public", "web"];

/// What matters here of `composer.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Composer {
    require: BTreeMap<String, String>,
    autoload: serde_json::Value,
    scripts: BTreeMap<String, serde_json::Value>,
}

impl Buildpack for PhpBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = LanguageError;

    fn detect(&self, context: DetectContext<Self>) -> libcnb::Result<DetectResult, LanguageError> {
        // Without the last ones the source itself would be shown as files.
        let files = ["composer.json", "index.php", "public/index.php", "web/index.php"];
        language::detected(language::has_any(&context.app_dir, &files))
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, LanguageError> {
        let app = context.app_dir.as_path();
        let composer = Composer::read(app)?;
        let has_work = composer.has_work(app)?;
        let php = Tool { program: "php", folder: app, env: Vec::new() };
        let version = php.ask(&["-r", "echo PHP_VERSION;"])?.unwrap_or_default();
        check_version(&php, composer.require.get("php").map(String::as_str), &version)?;
        step(&format!("Using PHP {version}"));
        if has_work {
            install(&context, &composer)?;
        }

        let apache = UncachedLayerDefinition { build: false, launch: true };
        let apache = context.uncached_layer(layer_name!("apache"), apache)?.path();
        write_server(&apache).map_err(LanguageError::io("write into a layer"))?;
        // The first, empty one stands for the stack's own folder.
        let ini = format!(":{}", apache.join("php.d").display());
        let config = apache.join("httpd.conf").to_string_lossy().into_owned();
        drop(language::settings(&context, &[("PHP_INI_SCAN_DIR", &ini), ("PHP_SERVER_CONFIG", &config)], None)?);
        language::finish(Some(&web_command(app)), &["vendor"])
    }

    fn on_error(&self, error: libcnb::Error<LanguageError>) {
        language::explain(error);
    }
}

impl Composer {
    fn read(app: &Path) -> Result<Self, LanguageError> {
        let Some(text) = language::read(app, "composer.json")? else { return Ok(Self::default()) };
        serde_json::from_str(&text)
            .map_err(|error| LanguageError::refused(format!("composer.json cannot be read: {error}.")))
    }

    /// Whether Composer has anything to do; packages without a lock are refused.
    fn has_work(&self, app: &Path) -> Result<bool, LanguageError> {
        if app.join("composer.lock").is_file() {
            return Ok(true);
        }
        // Names with a slash are packages; others are PHP itself and its extensions.
        if self.require.keys().any(|name| name.contains('/')) {
            return Err(LanguageError::refused(
                "There is no composer.lock. Run \"composer update\", commit composer.lock and push again.",
            ));
        }
        Ok(!self.autoload.is_null() || self.scripts.contains_key("compile"))
    }
}

/// Composer's own idea of which versions a constraint has.
fn check_version(php: &Tool<'_>, constraint: Option<&str>, version: &str) -> Result<(), LanguageError> {
    let Some(constraint) = constraint else { return Ok(()) };
    let question = "require '/usr/share/php/Composer/Semver/autoload.php'; \
                    exit(Composer\\Semver\\Semver::satisfies($argv[1], $argv[2]) ? 0 : 1);";
    if php.ask(&["-r", question, "--", version, constraint])?.is_some() {
        return Ok(());
    }
    Err(LanguageError::refused(format!(
        "composer.json asks for PHP {constraint}, and the stack has {version}: change it, commit and push again."
    )))
}

fn install(context: &BuildContext<PhpBuildpack>, composer: &Composer) -> libcnb::Result<(), LanguageError> {
    let cache = Kept { name: layer_name!("composer"), made_of: "Composer", launch: false, what: "the Composer cache" };
    let cache = cache.layer(context)?.0;
    let home = UncachedLayerDefinition { build: false, launch: false };
    let home = context.uncached_layer(layer_name!("home"), home)?.path();
    if let Some(mirror) = language::variable(context, "COMPOSER_MIRROR") {
        let config = serde_json::json!({
            "repositories": { "packagist.org": { "type": "composer", "url": mirror } },
            "config": { "secure-http": !mirror.starts_with("http://") },
        });
        fs::write(home.join("config.json"), config.to_string()).map_err(LanguageError::io("write into a layer"))?;
    }
    let env: Vec<(&str, OsString)> = vec![
        ("COMPOSER_CACHE_DIR", cache.into()),
        ("COMPOSER_HOME", home.into()),
        ("COMPOSER_NO_INTERACTION", "1".into()),
        ("COMPOSER_NO_AUDIT", "1".into()),
    ];
    let tool = Tool { program: "composer", folder: &context.app_dir, env };
    tool.run(&["install", "--no-dev", "--prefer-dist", "--optimize-autoloader", "--no-progress"])?;
    if composer.scripts.contains_key("compile") {
        tool.run(&["run-script", "--no-dev", "compile"])?;
    }
    Ok(())
}

fn write_server(layer: &Path) -> std::io::Result<()> {
    for folder in ["bin", "php.d"] {
        fs::create_dir_all(layer.join(folder))?;
    }
    let server = layer.join("bin/php-server");
    fs::write(&server, SERVER)?;
    fs::set_permissions(server, fs::Permissions::from_mode(0o755))?;
    fs::write(layer.join("httpd.conf"), SERVER_CONFIG)?;
    fs::write(layer.join("php.d/deis.ini"), PHP_CONFIG)
}

fn web_command(app: &Path) -> String {
    let root = DOCUMENT_ROOTS.into_iter().find(|root| app.join(root).join("index.php").is_file());
    root.map_or_else(|| "php-server".to_owned(), |root| format!("php-server {root}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_composer_has_to_do() {
        for (composer, lock, expected) in [
            ("{}", false, Some(false)),
            (r#"{"require": {"php": "^8.1", "ext-curl": "*"}}"#, false, Some(false)),
            (r#"{"require": {"acme/tool": "1"}}"#, false, None),
            (r#"{"require": {"acme/tool": "1"}}"#, true, Some(true)),
            (r#"{"autoload": {"psr-4": {"App\\": "src/"}}}"#, false, Some(true)),
            (r#"{"scripts": {"compile": ["@php build.php"]}}"#, false, Some(true)),
        ] {
            let app = tempfile::tempdir().unwrap();
            fs::write(app.path().join("composer.json"), composer).unwrap();
            if lock {
                fs::write(app.path().join("composer.lock"), "{}").unwrap();
            }
            assert_eq!(Composer::read(app.path()).unwrap().has_work(app.path()).ok(), expected, "{composer}");
        }
    }

    #[test]
    fn the_folder_that_is_served() {
        let app = tempfile::tempdir().unwrap();
        assert_eq!(web_command(app.path()), "php-server");
        fs::create_dir_all(app.path().join("web")).unwrap();
        assert_eq!(web_command(app.path()), "php-server");
        fs::write(app.path().join("web/index.php"), "").unwrap();
        assert_eq!(web_command(app.path()), "php-server web");
    }
}
