//! Java: a Maven project becomes a jar.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use libcnb::Buildpack;
use libcnb::build::{BuildContext, BuildResult};
use libcnb::detect::{DetectContext, DetectResult};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb::layer::UncachedLayerDefinition;
use libcnb_data::layer_name;

use crate::language::{self, Kept, LanguageError, Tool};
use crate::step;

pub(crate) struct JavaBuildpack;

/// Plugins of the stack's own packages, enough for `mvn package` with nothing else.
const STACK_REPOSITORY: &str = "file:///usr/share/maven-repo";

impl Buildpack for JavaBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = LanguageError;

    fn detect(&self, context: DetectContext<Self>) -> libcnb::Result<DetectResult, LanguageError> {
        language::detected(language::has_any(&context.app_dir, &["pom.xml"]))
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, LanguageError> {
        let app = context.app_dir.as_path();
        let javac = Tool { program: "javac", folder: app, env: Vec::new() };
        let version = javac.ask(&["--version"])?.unwrap_or_default();
        let version = version.trim_start_matches("javac ");
        check_version(&language::read(app, "system.properties")?.unwrap_or_default(), version)?;
        step(&format!("Using Java {version}"));
        if app.join("mvnw").is_file() {
            step("The stack's Maven is used in place of mvnw, which would download one");
        }

        let repository =
            Kept { name: layer_name!("m2"), made_of: "maven", launch: false, what: "the Maven repository" };
        let repository = repository.layer(&context)?.0;
        let settings = context
            .uncached_layer(layer_name!("maven"), UncachedLayerDefinition { build: false, launch: false })?
            .path()
            .join("settings.xml");
        let mirror = language::variable(&context, "MAVEN_MIRROR");
        fs::write(&settings, settings_xml(mirror.as_deref())).map_err(LanguageError::io("write Maven's settings"))?;
        maven(&context, &repository, &settings)?;

        let defaults = [("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75 -XX:+ExitOnOutOfMemoryError")];
        drop(language::settings(&context, &defaults, None)?);
        language::finish(web_command(&jars(&app.join("target"))).as_deref(), &[])
    }

    fn on_error(&self, error: libcnb::Error<LanguageError>) {
        language::explain(error);
    }
}

/// `java.runtime.version` of `system.properties`: "17", "17.0.9", "openjdk-17".
fn check_version(properties: &str, version: &str) -> Result<(), LanguageError> {
    let value = |line: &str| {
        let (name, value) = line.split_once(['=', ':'])?;
        (name.trim() == "java.runtime.version").then(|| value.trim().to_owned())
    };
    let Some(wanted) = properties.lines().find_map(value) else { return Ok(()) };
    let numbers = wanted.rsplit('-').next().unwrap_or_default();
    if numbers.split('.').next() == version.split('.').next() {
        return Ok(());
    }
    Err(LanguageError::refused(format!(
        "system.properties asks for Java {wanted}, and the stack has {version}: change it, commit and push again."
    )))
}

/// The stack's repository beside Maven's central one, or its mirror.
fn settings_xml(mirror: Option<&str>) -> String {
    let mirror = mirror.map_or_else(String::new, |url| {
        let url = url.replace('&', "&amp;").replace('<', "&lt;");
        format!("<mirrors><mirror><id>mirror</id><mirrorOf>central</mirrorOf><url>{url}</url></mirror></mirrors>")
    });
    let repository = |kind: &str| {
        format!(
            "<{kind}><id>stack</id><url>{STACK_REPOSITORY}</url><releases><checksumPolicy>ignore</checksumPolicy>\
             </releases><snapshots><enabled>false</enabled></snapshots></{kind}>"
        )
    };
    format!(
        "<settings>{mirror}<profiles><profile><id>stack</id><repositories>{}</repositories><pluginRepositories>{}\
         </pluginRepositories></profile></profiles><activeProfiles><activeProfile>stack</activeProfile>\
         </activeProfiles></settings>\n",
        repository("repository"),
        repository("pluginRepository"),
    )
}

fn maven(context: &BuildContext<JavaBuildpack>, repository: &Path, settings: &Path) -> Result<(), LanguageError> {
    let app = context.app_dir.as_path();
    let own_settings = language::variable(context, "MAVEN_SETTINGS_PATH")
        .map(|path| app.join(path))
        .or_else(|| Some(app.join("settings.xml")).filter(|path| path.is_file()));
    let goals = language::variable(context, "MAVEN_CUSTOM_GOALS").unwrap_or_else(|| "package".to_owned());
    let options = language::variable(context, "MAVEN_CUSTOM_OPTS").unwrap_or_else(|| "-DskipTests".to_owned());
    let mut arguments = ["--batch-mode", "--no-transfer-progress", "-Dstyle.color=never"].map(OsString::from).to_vec();
    // The user's settings are added to ours.
    arguments.extend(["--global-settings".into(), settings.into()]);
    if let Some(own) = own_settings {
        arguments.extend(["--settings".into(), own.into_os_string()]);
    }
    let mut local = OsString::from("-Dmaven.repo.local=");
    local.push(repository);
    arguments.push(local);
    // The stack's repository is a folder, which is there without a network as well.
    arguments.push("-Daether.offline.protocols=file".into());
    arguments.extend(options.split_whitespace().chain(goals.split_whitespace()).map(OsString::from));
    let mut env = Vec::new();
    if language::variable(context, "MAVEN_OPTS").is_none() {
        // It runs for seconds: to optimise its code costs more than that gains.
        env.push(("MAVEN_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC".into()));
    }
    Tool { program: "mvn", folder: app, env }.run(&arguments)
}

/// The names of the jars that were built, without those that hold source or documentation or are leftovers.
fn jars(target: &Path) -> Vec<String> {
    let entries = fs::read_dir(target).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_other = |stem: &str| {
        stem.starts_with("original-")
            || ["-sources", "-javadoc", "-tests", "-plain"].iter().any(|ending| stem.ends_with(ending))
    };
    let mut jars =
        names.filter(|name| name.strip_suffix(".jar").is_some_and(|stem| !is_other(stem))).collect::<Vec<_>>();
    jars.sort();
    jars
}

/// The only jar is the app. Spring reads its port from a property.
fn web_command(jars: &[String]) -> Option<String> {
    match jars {
        [jar] if jar.chars().all(|it| it.is_ascii_alphanumeric() || "-_.+".contains(it)) => {
            Some(format!("exec java -Dserver.port=\"${{PORT:-5000}}\" $JAVA_OPTS -jar target/{jar}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (properties, fits) in [
            ("", true),
            ("maven.version=3.9\n", true),
            ("java.runtime.version=17\n", true),
            ("java.runtime.version = 17.0.9", true),
            ("java.runtime.version: openjdk-17", true),
            ("java.runtime.version=21\n", false),
            ("java.runtime.version=1.8\n", false),
        ] {
            assert_eq!(check_version(properties, "17.0.21.1").is_ok(), fits, "{properties:?}");
        }
    }

    #[test]
    fn the_only_jar_is_the_app() {
        let target = tempfile::tempdir().unwrap();
        let add = |name: &str| fs::write(target.path().join(name), "").unwrap();
        assert_eq!(web_command(&jars(target.path())), None);
        for name in ["app-1.0.jar", "app-1.0-sources.jar", "original-app-1.0.jar", "app-1.0.jar.original", "classes"] {
            add(name);
        }
        let web = web_command(&jars(target.path())).unwrap();
        assert_eq!(web, "exec java -Dserver.port=\"${PORT:-5000}\" $JAVA_OPTS -jar target/app-1.0.jar");
        add("other.jar");
        assert_eq!(web_command(&jars(target.path())), None);
        assert_eq!(web_command(&jars(&target.path().join("none"))), None);
        assert_eq!(web_command(&["a b.jar".to_owned()]), None);
    }

    #[test]
    fn a_mirror_stands_in_for_the_central_repository() {
        let with = settings_xml(Some("https://maven.example.com/a?b&c"));
        assert!(with.contains("<mirrorOf>central</mirrorOf><url>https://maven.example.com/a?b&amp;c</url>"), "{with}");
        assert!(!settings_xml(None).contains("mirror"));
    }
}
