use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Parser;
use deis_bootstrap::ProcessConfig;
use http::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::accounts::{BuilderKey, RegistrationMode};
use crate::apps::ReservedNames;
use crate::hooks::Addresses;
use crate::kubernetes::PullKey;

/// The controller: users, apps and releases, and the deploys that bring releases to life.
#[derive(Clone, Debug, Parser)]
#[command(name = "workflow", version)]
pub struct Config {
    /// What this process does.
    #[command(subcommand)]
    pub command: Command,
}

/// What a process does.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Serves the API and deploys releases.
    Serve(Box<ServeConfig>),
}

/// The configuration of the controller.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeConfig {
    /// What every process has.
    #[command(flatten)]
    pub process: ProcessConfig,

    /// Run by itself, for trying out: the ledger in a file of SQLite, no other service beside it. Refuses a cluster with a platform.
    #[arg(long)]
    pub embedded: bool,

    /// Folder of a controller that runs by itself, made if missing.
    #[arg(long, env = "DEIS_DATA", default_value = "deis-data")]
    pub data: PathBuf,

    /// Address of the REST API; of a controller that runs by itself 127.0.0.1:8000, for whoever comes first administers it.
    #[arg(
        long,
        env = "DEIS_REST_LISTEN",
        default_value = "0.0.0.0:8000",
        default_value_if("embedded", "true", "127.0.0.1:8000")
    )]
    pub rest_listen: SocketAddr,

    /// Address of the gRPC services.
    #[arg(long, env = "DEIS_LISTEN", default_value = "0.0.0.0:50051")]
    pub listen: SocketAddr,

    /// Folder with tls.crt, tls.key and ca.crt.
    #[arg(long, env = "DEIS_TLS", default_value = "/var/run/secrets/deis/tls")]
    pub tls: PathBuf,

    /// Address of the state service.
    #[arg(long, env = "DEIS_STATE", default_value = "https://deis-state:50051")]
    pub state: Uri,

    /// Address of the logger.
    #[arg(long, env = "DEIS_LOGGER", default_value = "https://deis-logger:50051")]
    pub logger: Uri,

    /// Address of the builder.
    #[arg(long, env = "DEIS_BUILDER", default_value = "https://deis-builder:50051")]
    pub builder: Uri,

    /// Host of the database.
    #[arg(long, env = "DEIS_DATABASE_HOST", default_value = "deis-database")]
    pub database_host: String,

    /// Port of the database.
    #[arg(long, env = "DEIS_DATABASE_PORT", default_value_t = 5432)]
    pub database_port: u16,

    /// Folder with the database's user, password and name.
    #[arg(long, env = "DEIS_DATABASE", default_value = "/var/run/secrets/deis/database")]
    pub database: PathBuf,

    /// Folder with the key from which the pull passwords of apps are made.
    #[arg(long, env = "DEIS_PULL_KEY", default_value = "/var/run/secrets/deis/pull")]
    pub pull_key: PathBuf,

    /// Folder with username and password of the first administrator; without it none is made.
    #[arg(long, env = "DEIS_ADMIN", default_value = "/var/run/secrets/deis/admin")]
    pub admin: PathBuf,

    /// The platform's own namespace.
    #[arg(long, env = "DEIS_NAMESPACE", default_value = "deis")]
    pub namespace: String,

    /// The name of this process's pod.
    #[arg(long, env = "DEIS_POD_NAME", default_value = "workflow")]
    pub pod_name: String,

    /// Who may register, unless the setting workflow/registration-mode says otherwise.
    #[arg(long, env = "DEIS_REGISTRATION_MODE", value_enum, default_value = "admin_only")]
    pub registration_mode: RegistrationMode,

    /// Names that no app may have.
    #[arg(long, env = "DEIS_RESERVED_NAMES", value_delimiter = ',', default_value = "deis,deis-builder,deis-workflow")]
    pub reserved_names: Vec<String>,

    /// Whether a build without a Procfile is refused where the one before had one.
    #[arg(
        long,
        env = "DEIS_DEPLOY_REJECT_IF_PROCFILE_MISSING",
        value_parser = clap::builder::BoolishValueParser::new(),
        action = clap::ArgAction::Set,
        default_value_t = false
    )]
    pub reject_if_procfile_missing: bool,

    /// Addresses that are sent a POST for every release.
    #[arg(long, env = "DEIS_DEPLOY_HOOK_URLS", value_delimiter = ',')]
    pub deploy_hook_urls: Vec<String>,

    /// Folder with the secret-key that signs what is sent to them; without it nothing is signed.
    #[arg(long, env = "DEIS_DEPLOY_HOOK_KEY", default_value = "/var/run/secrets/deis/deploy-hook-key")]
    pub deploy_hook_key: PathBuf,

    /// Folder with the builder-key that a builder outside of the platform shows, read again when it changes; without it there are no paths
    /// for one.
    #[arg(long, env = "DEIS_BUILDER_KEY", default_value = "/var/run/secrets/deis/builder-key")]
    pub builder_key: PathBuf,
}

impl AsRef<ProcessConfig> for Config {
    fn as_ref(&self) -> &ProcessConfig {
        let Command::Serve(config) = &self.command;
        &config.process
    }
}

/// A file of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

impl ServeConfig {
    /// How to reach the database.
    ///
    /// # Errors
    /// One of the three files cannot be read.
    pub fn database(&self) -> Result<PgConnectOptions, Unreadable> {
        let part = |name: &str| text(&self.database.join(name));
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.database_host)
            .port(self.database_port)
            .username(part("user")?.expose_secret())
            .password(part("password")?.expose_secret())
            .database(part("name")?.expose_secret())
            // That a table exists already is no news.
            .options([("client_min_messages", "warning")])
            .application_name("deis-workflow");
        Ok(options)
    }

    /// Names that no app may have.
    #[must_use]
    pub fn reserved(&self) -> ReservedNames {
        let own = [deis_kube::names::certificates(&self.namespace)];
        self.reserved_names.iter().map(|name| name.trim().to_owned()).chain(own).collect()
    }

    /// The key from which the pull passwords of apps are made.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pull_key(&self) -> Result<PullKey, Unreadable> {
        Ok(PullKey::from(read(&self.pull_key.join("key"))?))
    }

    /// Who is told of every release.
    ///
    /// # Errors
    /// The folder with the key is there and its file cannot be read.
    pub fn deploy_hooks(&self) -> Result<Addresses, Unreadable> {
        let urls = self.deploy_hook_urls.iter().map(|url| url.trim().to_owned()).filter(|url| !url.is_empty());
        let key = self.deploy_hook_key.exists().then(|| text(&self.deploy_hook_key.join("secret-key"))).transpose()?;
        Ok(Addresses { urls: urls.collect(), key })
    }

    /// What a builder outside of the platform shows, if there may be one.
    ///
    /// # Errors
    /// The folder is there, and its file cannot be read or holds a key that can be guessed.
    pub fn builder_key(&self) -> Result<Option<BuilderKey>, Unreadable> {
        if !self.builder_key.exists() {
            return Ok(None);
        }
        let path = self.builder_key.join("builder-key");
        BuilderKey::in_file(&path).map(Some).map_err(|source| Unreadable { path, source })
    }

    /// Name and password of the first administrator, if there is such a folder.
    ///
    /// # Errors
    /// The folder is there and its files cannot be read.
    pub fn admin(&self) -> Result<Option<(SecretString, SecretString)>, Unreadable> {
        if !self.admin.exists() {
            return Ok(None);
        }
        Ok(Some((text(&self.admin.join("username"))?, text(&self.admin.join("password"))?)))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    fs::read(path).map_err(|source| Unreadable { path: path.to_owned(), source })
}

fn text(path: &Path) -> Result<SecretString, Unreadable> {
    let text = fs::read_to_string(path).map_err(|source| Unreadable { path: path.to_owned(), source })?;
    Ok(SecretString::from(text.trim_end_matches('\n')))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn yes_and_no_have_the_words_that_the_original_took() {
        let refuses = |word: &str| {
            let argument = format!("--reject-if-procfile-missing={word}");
            let Command::Serve(config) = Config::parse_from(["workflow", "serve", &argument]).command;
            config.reject_if_procfile_missing
        };
        assert!(["y", "yes", "t", "true", "on", "1", "TRUE"].into_iter().all(refuses));
        assert!(!["n", "no", "f", "false", "off", "0", "False"].into_iter().any(refuses));
    }

    #[test]
    fn a_key_of_deploy_hooks_is_read_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let hooks = |arguments: &[&str]| {
            let key = format!("--deploy-hook-key={}", folder.path().join("hook").display());
            let Command::Serve(config) = Config::parse_from([&["workflow", "serve", &key], arguments].concat()).command;
            config.deploy_hooks()
        };
        let none = hooks(&["--deploy-hook-urls="]).unwrap();
        assert!(none.urls.is_empty() && none.key.is_none());
        fs::create_dir(folder.path().join("hook")).unwrap();
        assert!(hooks(&[]).is_err(), "the folder is there, and no key in it");
        fs::write(folder.path().join("hook/secret-key"), "hunter2\n").unwrap();
        let both = hooks(&["--deploy-hook-urls=http://a/x, https://b/y"]).unwrap();
        assert_eq!(both.urls, ["http://a/x", "https://b/y"]);
        assert_eq!(both.key.unwrap().expose_secret(), "hunter2");
    }

    #[test]
    fn there_is_an_outside_builder_where_there_is_a_key_that_nobody_guesses() {
        let folder = tempfile::tempdir().unwrap();
        let key = || {
            let argument = format!("--builder-key={}", folder.path().join("builder").display());
            let Command::Serve(config) = Config::parse_from(["workflow", "serve", &argument]).command;
            config.builder_key()
        };
        assert!(key().unwrap().is_none());
        fs::create_dir(folder.path().join("builder")).unwrap();
        assert!(key().is_err(), "the folder is there, and no key in it");
        fs::write(folder.path().join("builder/builder-key"), "hunter2\n").unwrap();
        let error = key().unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "the key has fewer than 32 characters");
        fs::write(folder.path().join("builder/builder-key"), format!("{}\n", "0".repeat(32))).unwrap();
        assert!(key().unwrap().unwrap().is("0".repeat(32).as_bytes()));
    }

    #[test]
    fn a_controller_by_itself_is_not_for_the_whole_network() {
        let listen = |arguments: &[&str]| {
            let Command::Serve(config) = Config::parse_from([&["workflow", "serve"], arguments].concat()).command;
            config.rest_listen.to_string()
        };
        assert_eq!(listen(&[]), "0.0.0.0:8000");
        assert_eq!(listen(&["--embedded"]), "127.0.0.1:8000");
        assert_eq!(listen(&["--embedded", "--rest-listen=0.0.0.0:80"]), "0.0.0.0:80");
    }
}
