//! The commands, one file each, in groups.
//!
//! A command's name is `group:action`. Its aliases are the bare group, which lists, and the shortcuts of daily use.

mod activity;
mod apps;
mod auth;
mod autoscale;
mod builds;
mod certs;
mod completions;
mod config;
mod doctor;
mod domains;
mod explain;
mod git;
mod healthchecks;
mod keys;
mod labels;
mod limits;
mod maintenance;
mod man;
mod perms;
mod ps;
mod registry;
mod releases;
mod routing;
mod services;
mod settings;
mod shortcuts;
mod tags;
mod timeouts;
mod tls;
mod users;
mod version;
mod whitelist;

use clap::Subcommand;
use deis_cli::Failure;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(name = "apps:create", visible_alias = "create")]
    AppsCreate(apps::create::Create),
    #[command(name = "apps:destroy", visible_alias = "destroy")]
    AppsDestroy(apps::destroy::Destroy),
    #[command(name = "apps:list", visible_alias = "apps")]
    AppsList(apps::list::List),
    #[command(name = "apps:info", visible_alias = "info")]
    AppsInfo(apps::info::Info),
    #[command(name = "apps:logs", visible_alias = "logs")]
    AppsLogs(apps::logs::Logs),
    #[command(name = "apps:open", visible_alias = "open")]
    AppsOpen(apps::open::Open),
    #[command(name = "apps:run", visible_alias = "run")]
    AppsRun(apps::run::Run),
    #[command(name = "apps:transfer")]
    AppsTransfer(apps::transfer::Transfer),
    #[command(name = "apps:allow-root")]
    AppsAllowRoot(apps::allow_root::AllowRoot),
    #[command(name = "apps:forbid-root")]
    AppsForbidRoot(apps::forbid_root::ForbidRoot),
    #[command(name = "auth:cancel")]
    AuthCancel(auth::cancel::Cancel),
    #[command(name = "auth:passwd", visible_alias = "passwd")]
    AuthPasswd(auth::passwd::Passwd),
    #[command(name = "auth:regenerate")]
    AuthRegenerate(auth::regenerate::Regenerate),
    #[command(name = "auth:register", visible_alias = "register")]
    AuthRegister(auth::register::Register),
    #[command(name = "auth:login", visible_alias = "login")]
    AuthLogin(auth::login::Login),
    #[command(name = "auth:logout", visible_alias = "logout")]
    AuthLogout(auth::logout::Logout),
    #[command(name = "auth:whoami", visible_alias = "whoami")]
    AuthWhoami(auth::whoami::Whoami),
    #[command(name = "autoscale:list", visible_alias = "autoscale")]
    AutoscaleList(autoscale::list::List),
    #[command(name = "autoscale:set")]
    AutoscaleSet(autoscale::set::Set),
    #[command(name = "autoscale:unset")]
    AutoscaleUnset(autoscale::unset::Unset),
    #[command(name = "builds:list", visible_alias = "builds")]
    BuildsList(builds::list::List),
    #[command(name = "builds:info")]
    BuildsInfo(builds::info::Info),
    #[command(name = "builds:create", visible_alias = "pull")]
    BuildsCreate(builds::create::Create),
    #[command(name = "builds:cancel")]
    BuildsCancel(builds::cancel::Cancel),
    #[command(name = "builds:log")]
    BuildsLog(builds::log::Log),
    #[command(name = "builds:clear-cache")]
    BuildsClearCache(builds::clear_cache::ClearCache),
    #[command(name = "certs:list", visible_alias = "certs")]
    CertsList(certs::list::List),
    #[command(name = "certs:info")]
    CertsInfo(certs::info::Info),
    #[command(name = "certs:add")]
    CertsAdd(certs::add::Add),
    #[command(name = "certs:attach")]
    CertsAttach(certs::attach::Attach),
    #[command(name = "certs:detach")]
    CertsDetach(certs::detach::Detach),
    #[command(name = "certs:remove")]
    CertsRemove(certs::remove::Remove),
    #[command(name = "config:list", visible_alias = "config")]
    ConfigList(config::list::List),
    #[command(name = "config:set")]
    ConfigSet(config::set::Set),
    #[command(name = "config:unset")]
    ConfigUnset(config::unset::Unset),
    #[command(name = "config:edit")]
    ConfigEdit(config::edit::Edit),
    #[command(name = "config:pull")]
    ConfigPull(config::pull::Pull),
    #[command(name = "config:push")]
    ConfigPush(config::push::Push),
    #[command(name = "domains:list", visible_alias = "domains")]
    DomainsList(domains::list::List),
    #[command(name = "domains:add")]
    DomainsAdd(domains::add::Add),
    #[command(name = "domains:remove")]
    DomainsRemove(domains::remove::Remove),
    #[command(name = "git:remote")]
    GitRemote(git::remote::Remote),
    #[command(name = "git:remove")]
    GitRemove(git::remove::Remove),
    #[command(name = "healthchecks:list", visible_alias = "healthchecks")]
    HealthchecksList(healthchecks::list::List),
    #[command(name = "healthchecks:set")]
    HealthchecksSet(healthchecks::set::Set),
    #[command(name = "healthchecks:unset")]
    HealthchecksUnset(healthchecks::unset::Unset),
    #[command(name = "keys:list", visible_alias = "keys")]
    KeysList(keys::list::List),
    #[command(name = "keys:add")]
    KeysAdd(keys::add::Add),
    #[command(name = "keys:remove")]
    KeysRemove(keys::remove::Remove),
    #[command(name = "labels:list", visible_alias = "labels")]
    LabelsList(labels::list::List),
    #[command(name = "labels:set")]
    LabelsSet(labels::set::Set),
    #[command(name = "labels:unset")]
    LabelsUnset(labels::unset::Unset),
    #[command(name = "limits:list", visible_alias = "limits")]
    LimitsList(limits::list::List),
    #[command(name = "limits:set")]
    LimitsSet(limits::set::Set),
    #[command(name = "limits:unset")]
    LimitsUnset(limits::unset::Unset),
    #[command(name = "maintenance:info", visible_alias = "maintenance")]
    MaintenanceInfo(maintenance::info::Info),
    #[command(name = "maintenance:on")]
    MaintenanceOn(maintenance::on::On),
    #[command(name = "maintenance:off")]
    MaintenanceOff(maintenance::off::Off),
    #[command(name = "perms:list", visible_aliases = ["perms", "sharing", "sharing:list"])]
    PermsList(perms::list::List),
    #[command(name = "perms:create", visible_alias = "sharing:add")]
    PermsCreate(perms::create::Create),
    #[command(name = "perms:delete", visible_alias = "sharing:remove")]
    PermsDelete(perms::delete::Delete),
    #[command(name = "ps:list", visible_alias = "ps")]
    PsList(ps::list::List),
    #[command(name = "ps:scale", visible_alias = "scale")]
    PsScale(ps::scale::Scale),
    #[command(name = "ps:exec")]
    PsExec(ps::exec::Exec),
    #[command(name = "ps:restart")]
    PsRestart(ps::restart::Restart),
    #[command(name = "registry:list", visible_alias = "registry")]
    RegistryList(registry::list::List),
    #[command(name = "registry:set")]
    RegistrySet(registry::set::Set),
    #[command(name = "registry:unset")]
    RegistryUnset(registry::unset::Unset),
    #[command(name = "releases:list", visible_alias = "releases")]
    ReleasesList(releases::list::List),
    #[command(name = "releases:diff")]
    ReleasesDiff(releases::diff::Diff),
    #[command(name = "releases:info")]
    ReleasesInfo(releases::info::Info),
    #[command(name = "releases:rollback", visible_alias = "rollback")]
    ReleasesRollback(releases::rollback::Rollback),
    #[command(name = "releases:watch")]
    ReleasesWatch(releases::watch::Watch),
    #[command(name = "routing:info", visible_alias = "routing")]
    RoutingInfo(routing::info::Info),
    #[command(name = "routing:enable")]
    RoutingEnable(routing::enable::Enable),
    #[command(name = "routing:disable")]
    RoutingDisable(routing::disable::Disable),
    #[command(name = "services:list", visible_alias = "services")]
    ServicesList(services::list::List),
    #[command(name = "services:add")]
    ServicesAdd(services::add::Add),
    #[command(name = "services:remove")]
    ServicesRemove(services::remove::Remove),
    #[command(name = "shortcuts:list", visible_alias = "shortcuts")]
    Shortcuts(shortcuts::Shortcuts),
    #[command(name = "tags:list", visible_alias = "tags")]
    TagsList(tags::list::List),
    #[command(name = "tags:set")]
    TagsSet(tags::set::Set),
    #[command(name = "tags:unset")]
    TagsUnset(tags::unset::Unset),
    #[command(name = "timeouts:list", visible_alias = "timeouts")]
    TimeoutsList(timeouts::list::List),
    #[command(name = "timeouts:set")]
    TimeoutsSet(timeouts::set::Set),
    #[command(name = "timeouts:unset")]
    TimeoutsUnset(timeouts::unset::Unset),
    #[command(name = "tls:info", visible_alias = "tls")]
    TlsInfo(tls::info::Info),
    #[command(name = "tls:enable")]
    TlsEnable(tls::enable::Enable),
    #[command(name = "tls:disable")]
    TlsDisable(tls::disable::Disable),
    #[command(name = "users:list", visible_alias = "users")]
    UsersList(users::list::List),
    #[command(name = "whitelist:list", visible_alias = "whitelist")]
    WhitelistList(whitelist::list::List),
    #[command(name = "whitelist:add")]
    WhitelistAdd(whitelist::add::Add),
    #[command(name = "whitelist:remove")]
    WhitelistRemove(whitelist::remove::Remove),
    Activity(activity::Activity),
    Explain(explain::Explain),
    Doctor(doctor::Doctor),
    Version(version::Version),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::AppsCreate(command) => command.run(context).await,
            Self::AppsDestroy(command) => command.run(context).await,
            Self::AppsList(command) => command.run(context).await,
            Self::AppsInfo(command) => command.run(context).await,
            Self::AppsLogs(command) => command.run(context).await,
            Self::AppsOpen(command) => command.run(context).await,
            Self::AppsRun(command) => command.run(context).await,
            Self::AppsTransfer(command) => command.run(context).await,
            Self::AppsAllowRoot(command) => command.run(context).await,
            Self::AppsForbidRoot(command) => command.run(context).await,
            Self::AuthCancel(command) => command.run(context).await,
            Self::AuthPasswd(command) => command.run(context).await,
            Self::AuthRegenerate(command) => command.run(context).await,
            Self::AuthRegister(command) => command.run(context).await,
            Self::AuthLogin(command) => command.run(context).await,
            Self::AuthLogout(command) => command.run(context),
            Self::AuthWhoami(command) => command.run(context).await,
            Self::AutoscaleList(command) => command.run(context).await,
            Self::AutoscaleSet(command) => command.run(context).await,
            Self::AutoscaleUnset(command) => command.run(context).await,
            Self::BuildsList(command) => command.run(context).await,
            Self::BuildsInfo(command) => command.run(context).await,
            Self::BuildsCreate(command) => command.run(context).await,
            Self::BuildsCancel(command) => command.run(context).await,
            Self::BuildsLog(command) => command.run(context).await,
            Self::BuildsClearCache(command) => command.run(context).await,
            Self::CertsList(command) => command.run(context).await,
            Self::CertsInfo(command) => command.run(context).await,
            Self::CertsAdd(command) => command.run(context).await,
            Self::CertsAttach(command) => command.run(context).await,
            Self::CertsDetach(command) => command.run(context).await,
            Self::CertsRemove(command) => command.run(context).await,
            Self::ConfigList(command) => command.run(context).await,
            Self::ConfigSet(command) => command.run(context).await,
            Self::ConfigUnset(command) => command.run(context).await,
            Self::ConfigEdit(command) => command.run(context).await,
            Self::ConfigPull(command) => command.run(context).await,
            Self::ConfigPush(command) => command.run(context).await,
            Self::DomainsList(command) => command.run(context).await,
            Self::DomainsAdd(command) => command.run(context).await,
            Self::DomainsRemove(command) => command.run(context).await,
            Self::GitRemote(command) => command.run(context),
            Self::GitRemove(command) => command.run(context),
            Self::HealthchecksList(command) => command.run(context).await,
            Self::HealthchecksSet(command) => command.run(context).await,
            Self::HealthchecksUnset(command) => command.run(context).await,
            Self::KeysList(command) => command.run(context).await,
            Self::KeysAdd(command) => command.run(context).await,
            Self::KeysRemove(command) => command.run(context).await,
            Self::LabelsList(command) => command.run(context).await,
            Self::LabelsSet(command) => command.run(context).await,
            Self::LabelsUnset(command) => command.run(context).await,
            Self::LimitsList(command) => command.run(context).await,
            Self::LimitsSet(command) => command.run(context).await,
            Self::LimitsUnset(command) => command.run(context).await,
            Self::MaintenanceInfo(command) => command.run(context).await,
            Self::MaintenanceOn(command) => command.run(context).await,
            Self::MaintenanceOff(command) => command.run(context).await,
            Self::PermsList(command) => command.run(context).await,
            Self::PermsCreate(command) => command.run(context).await,
            Self::PermsDelete(command) => command.run(context).await,
            Self::PsList(command) => command.run(context).await,
            Self::PsScale(command) => command.run(context).await,
            Self::PsExec(command) => command.run(context).await,
            Self::PsRestart(command) => command.run(context).await,
            Self::RegistryList(command) => command.run(context).await,
            Self::RegistrySet(command) => command.run(context).await,
            Self::RegistryUnset(command) => command.run(context).await,
            Self::ReleasesList(command) => command.run(context).await,
            Self::ReleasesDiff(command) => command.run(context).await,
            Self::ReleasesInfo(command) => command.run(context).await,
            Self::ReleasesRollback(command) => command.run(context).await,
            Self::ReleasesWatch(command) => command.run(context).await,
            Self::RoutingInfo(command) => command.run(context).await,
            Self::RoutingEnable(command) => command.run(context).await,
            Self::RoutingDisable(command) => command.run(context).await,
            Self::ServicesList(command) => command.run(context).await,
            Self::ServicesAdd(command) => command.run(context).await,
            Self::ServicesRemove(command) => command.run(context).await,
            Self::Shortcuts(command) => command.run(context),
            Self::TagsList(command) => command.run(context).await,
            Self::TagsSet(command) => command.run(context).await,
            Self::TagsUnset(command) => command.run(context).await,
            Self::TimeoutsList(command) => command.run(context).await,
            Self::TimeoutsSet(command) => command.run(context).await,
            Self::TimeoutsUnset(command) => command.run(context).await,
            Self::TlsInfo(command) => command.run(context).await,
            Self::TlsEnable(command) => command.run(context).await,
            Self::TlsDisable(command) => command.run(context).await,
            Self::UsersList(command) => command.run(context).await,
            Self::WhitelistList(command) => command.run(context).await,
            Self::WhitelistAdd(command) => command.run(context).await,
            Self::WhitelistRemove(command) => command.run(context).await,
            Self::Activity(command) => command.run(context).await,
            Self::Explain(command) => command.run(context).await,
            Self::Doctor(command) => command.run(context).await,
            Self::Version(command) => command.run(context).await,
            Self::Completions(command) => command.run(context),
            Self::Man(command) => command.run(context),
        }
    }
}
