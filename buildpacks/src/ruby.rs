//! Ruby: the gems of `Gemfile.lock`, installed by Bundler.

use std::ffi::OsString;
use std::path::Path;

use libcnb::Buildpack;
use libcnb::build::{BuildContext, BuildResult};
use libcnb::detect::{DetectContext, DetectResult};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb_data::layer_name;

use crate::language::{self, Kept, LanguageError, Tool};
use crate::step;

pub(crate) struct RubyBuildpack;

impl Buildpack for RubyBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = LanguageError;

    fn detect(&self, context: DetectContext<Self>) -> libcnb::Result<DetectResult, LanguageError> {
        language::detected(language::has_any(&context.app_dir, &["Gemfile"]))
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, LanguageError> {
        let app = context.app_dir.as_path();
        let Some(lock) = language::read(app, "Gemfile.lock")? else {
            return Err(LanguageError::refused(
                "There is no Gemfile.lock. Run \"bundle install\", commit Gemfile.lock and push again.",
            )
            .into());
        };
        let ruby = Tool { program: "ruby", folder: app, env: Vec::new() };
        let version = ruby.ask(&["-e", "print RUBY_VERSION"])?.unwrap_or_default();
        let gemfile = language::read(app, "Gemfile")?.unwrap_or_default();
        for (file, wanted) in [
            (".ruby-version", language::read(app, ".ruby-version")?.unwrap_or_default()),
            ("Gemfile", wanted_by_gemfile(&gemfile).unwrap_or_default().to_owned()),
            ("Gemfile.lock", wanted_by_lock(&lock).unwrap_or_default().to_owned()),
        ] {
            check_version(&ruby, file, &wanted, &version)?;
        }
        let bundler = ruby.ask(&["-e", "require 'bundler'; print Bundler::VERSION"])?.unwrap_or_default();
        step(&format!("Using Ruby {version} and Bundler {bundler}"));

        let gems = Kept { name: layer_name!("gems"), made_of: &version, launch: true, what: "the gems" };
        let gems = gems.layer(&context)?.0;
        let env = env(&gems, &bundler, &language::variable(&context, "BUNDLE_WITHOUT").unwrap_or(WITHOUT.to_owned()));
        let bundle = Tool { program: "bundle", folder: app, env };
        install(&bundle)?;
        if precompiles(&lock) {
            precompile(&context, &bundle)?;
        }

        let without = language::variable(&context, "BUNDLE_WITHOUT").unwrap_or(WITHOUT.to_owned());
        let gems = gems.to_string_lossy();
        let settings = [
            ("BUNDLE_DEPLOYMENT", "true"),
            ("BUNDLE_PATH", &gems),
            ("BUNDLE_WITHOUT", &without),
            // Or else it would look for the version in the lock file, on the network.
            ("BUNDLER_VERSION", &bundler),
            ("RACK_ENV", "production"),
            ("RAILS_ENV", "production"),
            ("RAILS_LOG_TO_STDOUT", "enabled"),
            ("RAILS_SERVE_STATIC_FILES", "enabled"),
        ];
        drop(language::settings(&context, &settings, None)?);
        language::finish(web_command(app, &lock), &[])
    }

    fn on_error(&self, error: libcnb::Error<LanguageError>) {
        language::explain(error);
    }
}

/// Groups of gems that production does without.
const WITHOUT: &str = "development:test";

fn env(gems: &Path, bundler: &str, without: &str) -> Vec<(&'static str, OsString)> {
    vec![
        ("BUNDLE_CLEAN", "true".into()),
        ("BUNDLE_DEPLOYMENT", "true".into()),
        ("BUNDLE_PATH", gems.into()),
        ("BUNDLE_WITHOUT", without.into()),
        ("BUNDLE_NO_INSTALL_DOC", "true".into()),
        ("BUNDLER_VERSION", bundler.into()),
    ]
}

/// Gems in `vendor/cache` are all there is then; else they come from the sources of the Gemfile, or their mirrors.
fn install(bundle: &Tool<'_>) -> Result<(), LanguageError> {
    let vendored = bundle.folder.join("vendor/cache").is_dir();
    let jobs = ["install", "--jobs=4", "--local"];
    bundle.run(jobs.get(..if vendored { 3 } else { 2 }).unwrap_or_default())
}

/// The version after `ruby` in a Gemfile, when it is written out there: "3.1.2", "~> 3.1".
fn wanted_by_gemfile(gemfile: &str) -> Option<&str> {
    let line = gemfile.lines().map(str::trim).find(|line| line.starts_with("ruby ") || line.starts_with("ruby("))?;
    let quoted = |quote: char| line.split(quote).nth(1).filter(|text| text.contains(|it: char| it.is_ascii_digit()));
    if line.contains("file:") { None } else { quoted('"').or_else(|| quoted('\'')) }
}

/// "3.1.2" of "RUBY VERSION\n   ruby 3.1.2p20".
fn wanted_by_lock(lock: &str) -> Option<&str> {
    let mut lines = lock.lines().skip_while(|line| *line != "RUBY VERSION");
    let version = lines.nth(1)?.trim().strip_prefix("ruby ")?;
    version.split('p').next()
}

/// Bundler's own idea of versions. The lock's is what the author had, and binds as the Gemfile says, so only its first
/// two numbers count.
fn check_version(ruby: &Tool<'_>, file: &str, wanted: &str, version: &str) -> Result<(), LanguageError> {
    let wanted = wanted.trim().trim_start_matches("ruby-");
    if wanted.is_empty() {
        return Ok(());
    }
    let series = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    let fits = if file == "Gemfile" {
        let question = "exit Gem::Requirement.new(ARGV[0].split(',')).satisfied_by?(Gem::Version.new(ARGV[1]))";
        ruby.ask(&["-e", question, "--", wanted, version])?.is_some()
    } else {
        series(version).starts_with(&series(wanted))
    };
    if fits {
        return Ok(());
    }
    Err(LanguageError::refused(format!(
        "{file} asks for Ruby {wanted}, and the stack has {version}: change it (ruby \"~> 3.1\" in the Gemfile fits), \
         commit and push again."
    )))
}

fn has_gem(lock: &str, name: &str) -> bool {
    // Four spaces: the gem itself; six: what another one needs.
    lock.lines().any(|line| line.strip_prefix("    ").is_some_and(|line| line.split(' ').next() == Some(name)))
}

/// Whether a Rails app has files to be made for browsers.
fn precompiles(lock: &str) -> bool {
    has_gem(lock, "railties") && (has_gem(lock, "sprockets-rails") || has_gem(lock, "propshaft"))
}

fn precompile(context: &BuildContext<RubyBuildpack>, bundle: &Tool<'_>) -> Result<(), LanguageError> {
    let mut env = bundle.env.clone();
    env.extend([("RAILS_ENV", "production".into()), ("RACK_ENV", "production".into())]);
    // Rails wants one to start, whatever it starts for.
    env.push(("SECRET_KEY_BASE_DUMMY", "1".into()));
    if language::variable(context, "SECRET_KEY_BASE").is_none() {
        env.push(("SECRET_KEY_BASE", "only-for-the-build".into()));
    }
    Tool { env, ..*bundle }.run(&["exec", "rails", "assets:precompile"])
}

fn web_command(app: &Path, lock: &str) -> Option<&'static str> {
    let has_config = app.join("config.ru").is_file();
    if has_config && has_gem(lock, "puma") {
        // Its own settings file, when there is one, says the rest.
        Some("exec bundle exec puma --port \"${PORT:-5000}\" config.ru")
    } else if has_gem(lock, "railties") && app.join("bin/rails").is_file() {
        Some("exec bundle exec rails server --binding 0.0.0.0 --port \"${PORT:-5000}\"")
    } else if has_config {
        Some("exec bundle exec rackup --host 0.0.0.0 --port \"${PORT:-5000}\" config.ru")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LOCK: &str = "GEM\n  remote: https://gems.example.com/\n  specs:\n    nio4r (2.7.0)\n    puma (6.4.2)\n      \
                        nio4r (~> 2.0)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  puma\n\nRUBY VERSION\n   ruby 3.1.2p20\n\n\
                        BUNDLED WITH\n   2.4.10\n";

    #[test]
    fn versions_in_gemfile_and_lock() {
        for (gemfile, expected) in [
            ("ruby \"3.1.2\"\n", Some("3.1.2")),
            ("source 'x'\nruby '~> 3.1'\n", Some("~> 3.1")),
            ("ruby(\">= 3.0\")", Some(">= 3.0")),
            ("ruby file: \".ruby-version\"", None),
            ("ruby ENV[\"VERSION\"]", None),
            ("gem \"ruby-openai\", \"1\"", None),
        ] {
            assert_eq!(wanted_by_gemfile(gemfile), expected, "{gemfile}");
        }
        assert_eq!(wanted_by_lock(LOCK), Some("3.1.2"));
        assert_eq!(wanted_by_lock("GEM\n"), None);
    }

    #[test]
    fn the_web_command() {
        let app = tempfile::tempdir().unwrap();
        assert_eq!(web_command(app.path(), LOCK), None);
        fs::write(app.path().join("config.ru"), "").unwrap();
        assert!(web_command(app.path(), LOCK).unwrap().contains("puma"));
        assert!(web_command(app.path(), "").unwrap().contains("rackup"));
        fs::create_dir(app.path().join("bin")).unwrap();
        fs::write(app.path().join("bin/rails"), "").unwrap();
        assert!(web_command(app.path(), "    railties (7.1)\n").unwrap().contains("rails server"));
    }

    #[test]
    fn assets_of_rails_apps() {
        assert!(precompiles("    railties (7.1)\n    propshaft (1)\n"));
        assert!(!precompiles("    railties (7.1)\n      propshaft (1)\n"));
        assert!(!precompiles(LOCK));
    }
}
