//! Python: packages from `requirements.txt` or `pyproject.toml`, installed by pip in a virtual environment.

use std::fs;
use std::path::Path;

use libcnb::Buildpack;
use libcnb::build::{BuildContext, BuildResult};
use libcnb::detect::{DetectContext, DetectResult};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb_data::layer_name;

use crate::language::{self, Kept, LanguageError, Tool};
use crate::step;

pub(crate) struct PythonBuildpack;

/// One of these makes it a Python app.
const FILES: [&str; 8] = [
    "requirements.txt",
    "pyproject.toml",
    "setup.py",
    "Pipfile",
    "manage.py",
    "runtime.txt",
    ".python-version",
    "main.py",
];

/// Locks of tools that are not in the stack: to ignore one would install other versions than it says.
const OTHER_LOCKS: [(&str, &str); 4] = [
    ("Pipfile.lock", "pipenv requirements > requirements.txt"),
    ("poetry.lock", "poetry export --output requirements.txt"),
    ("uv.lock", "uv export --output-file requirements.txt"),
    ("pdm.lock", "pdm export --output requirements.txt"),
];

impl Buildpack for PythonBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = LanguageError;

    fn detect(&self, context: DetectContext<Self>) -> libcnb::Result<DetectResult, LanguageError> {
        language::detected(language::has_any(&context.app_dir, &FILES))
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, LanguageError> {
        let app = context.app_dir.as_path();
        let packages = packages(app)?;
        let python = Tool { program: "python3", folder: app, env: Vec::new() };
        let version = python.ask(&["--version"])?.unwrap_or_default();
        let version = version.trim_start_matches("Python ");
        for file in [".python-version", "runtime.txt"] {
            if let Some(text) = language::read(app, file)? {
                check_version(file, &text, version)?;
            }
        }
        step(&format!("Using Python {version}"));

        let cache = Kept { name: layer_name!("pip"), made_of: version, launch: false, what: "the pip cache" };
        let cache = cache.layer(&context)?.0;
        let made_of = made_of(app, packages)?.map(|text| format!("Python {version}\n{text}")).unwrap_or_default();
        let venv = Kept { name: layer_name!("venv"), made_of: &made_of, launch: true, what: "the packages" };
        let (venv, restored) = venv.layer(&context)?;
        if !restored {
            install(&python, &venv, &cache, packages)?;
        }

        let settings = [("PYTHONUNBUFFERED", "1"), ("PYTHONFAULTHANDLER", "1"), ("FORWARDED_ALLOW_IPS", "*")];
        drop(language::settings(&context, &settings, None)?);
        language::finish(web_command(app, &venv)?.as_deref(), &[])
    }

    fn on_error(&self, error: libcnb::Error<LanguageError>) {
        language::explain(error);
    }
}

/// What pip is told to install.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Packages {
    None,
    Requirements,
    /// The app is a package itself.
    Project,
}

fn packages(app: &Path) -> Result<Packages, LanguageError> {
    if app.join("requirements.txt").is_file() {
        return Ok(Packages::Requirements);
    }
    for (lock, command) in OTHER_LOCKS {
        if app.join(lock).is_file() {
            return Err(LanguageError::refused(format!(
                "{lock} cannot be used: its tool is not in the stack. Run \"{command}\", commit requirements.txt and \
                 push again."
            )));
        }
    }
    if app.join("Pipfile").is_file() {
        return Err(LanguageError::refused(
            "A Pipfile cannot be used: pipenv is not in the stack. Commit a requirements.txt and push again.",
        ));
    }
    Ok(if language::has_any(app, &["pyproject.toml", "setup.py"]) { Packages::Project } else { Packages::None })
}

/// What decides which packages are installed; none when that is more than one file.
fn made_of(app: &Path, packages: Packages) -> Result<Option<String>, LanguageError> {
    match packages {
        Packages::None => Ok(Some("no packages".to_owned())),
        Packages::Project => Ok(None),
        Packages::Requirements => {
            let text = language::read(app, "requirements.txt")?.unwrap_or_default();
            let is_whole = !text.lines().any(|line| names_other_files(line.trim()));
            Ok(Some(text).filter(|_| is_whole))
        }
    }
}

/// Whether a line of `requirements.txt` stands for other files of the source.
fn names_other_files(line: &str) -> bool {
    let word = line.split([' ', '=', '\t']).next().unwrap_or_default();
    let options = ["-r", "--requirement", "-c", "--constraint", "-e", "--editable"];
    options.contains(&word) || word.starts_with('.') || line.contains("file:")
}

/// "3.11", "3.11.9", "python-3.11.9": the third number is the stack's own, which gets the fixes of security.
fn check_version(file: &str, text: &str, version: &str) -> Result<(), LanguageError> {
    let wanted =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let numbers = |text: &str| text.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    if numbers(version).starts_with(&numbers(wanted.trim_start_matches("python-"))) || wanted.is_empty() {
        return Ok(());
    }
    Err(LanguageError::refused(format!(
        "{file} asks for {wanted}, and the stack has Python {version}: change it, commit and push again."
    )))
}

fn install(python: &Tool<'_>, venv: &Path, cache: &Path, packages: Packages) -> Result<(), LanguageError> {
    let path = venv.to_string_lossy();
    python.run(&["-m", "venv", "--without-pip", &path])?;
    let interpreter = venv.join("bin/python3");
    let pip = Tool {
        program: "pip3",
        folder: python.folder,
        env: vec![
            ("PIP_CACHE_DIR", cache.into()),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1".into()),
            ("PIP_NO_INPUT", "1".into()),
            ("PIP_PYTHON", interpreter.into()),
            // Compiled below, in a way that outlives the time stamps.
            ("PIP_NO_COMPILE", "1".into()),
            ("PIP_ROOT_USER_ACTION", "ignore".into()),
        ],
    };
    match packages {
        Packages::None => return Ok(()),
        Packages::Requirements => pip.run(&["install", "--requirement", "requirements.txt"])?,
        Packages::Project => pip.run(&["install", "."])?,
    }
    // Files in an image have no time of their own, which other compiled files are compared with.
    let compile = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"];
    let lib = venv.join("lib").to_string_lossy().into_owned();
    // What cannot be compiled, such as a template of a package, is compiled by nobody.
    drop(python.ask(&[&compile[..], &[&lib]].concat())?);
    Ok(())
}

/// With gunicorn among the packages, the web application of the files that have one.
fn web_command(app: &Path, venv: &Path) -> Result<Option<String>, LanguageError> {
    if !venv.join("bin/gunicorn").exists() {
        return Ok(None);
    }
    if app.join("manage.py").is_file() {
        let mut packages = fs::read_dir(app)
            .map_err(LanguageError::io("read the source"))?
            .flatten()
            .filter(|entry| entry.path().join("wsgi.py").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect::<Vec<_>>();
        packages.sort();
        if let Some(package) = packages.first() {
            return Ok(Some(format!("gunicorn {package}.wsgi")));
        }
    }
    for module in ["wsgi", "app", "main"] {
        let text = language::read(app, &format!("{module}.py"))?.unwrap_or_default();
        let is = |name: &str, line: &str| {
            let assigned = line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['=', ':']));
            assigned || line.strip_prefix("def ").is_some_and(|rest| rest.starts_with(&format!("{name}(")))
        };
        for name in ["app", "application"] {
            if text.lines().any(|line| is(name, line)) {
                return Ok(Some(format!("gunicorn {module}:{name}")));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(files: &[(&str, &str)]) -> tempfile::TempDir {
        let app = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = app.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        app
    }

    #[test]
    fn what_pip_installs() {
        for (file, expected) in [
            ("requirements.txt", Packages::Requirements),
            ("pyproject.toml", Packages::Project),
            ("setup.py", Packages::Project),
            ("manage.py", Packages::None),
        ] {
            assert_eq!(packages(app(&[(file, "")]).path()).unwrap(), expected, "{file}");
        }
        assert_eq!(
            packages(app(&[("requirements.txt", ""), ("poetry.lock", "")]).path()).unwrap(),
            Packages::Requirements
        );
        let refused = packages(app(&[("pyproject.toml", ""), ("uv.lock", "")]).path()).unwrap_err().to_string();
        assert!(refused.contains("uv export --output-file requirements.txt"), "{refused}");
    }

    #[test]
    fn the_same_requirements_are_installed_once_unless_they_name_other_files() {
        for (requirements, is_whole) in [
            ("flask==3.0\n--no-index\n--find-links vendor\n", true),
            ("flask==3.0\n-r more.txt\n", false),
            ("--constraint=c.txt\nflask\n", false),
            ("-e .\n", false),
            ("./lib\n", false),
            ("lib @ file:///x\n", false),
        ] {
            let app = app(&[("requirements.txt", requirements)]);
            assert_eq!(made_of(app.path(), Packages::Requirements).unwrap().is_some(), is_whole, "{requirements}");
        }
        assert_eq!(made_of(Path::new("/"), Packages::Project).unwrap(), None);
    }

    #[test]
    fn versions() {
        for (text, fits) in [
            ("3.11", true),
            ("3.11.9\n", true),
            ("python-3.11.2", true),
            ("# comment\n\n3\n", true),
            ("", true),
            ("3.12", false),
            ("python-2.7.18", false),
            ("3.1", false),
            ("pypy3.10", false),
        ] {
            assert_eq!(check_version("runtime.txt", text, "3.11.2").is_ok(), fits, "{text:?}");
        }
        assert_eq!(
            check_version("runtime.txt", "python-3.12.1", "3.11.2").unwrap_err().to_string(),
            "runtime.txt asks for python-3.12.1, and the stack has Python 3.11.2: change it, commit and push again."
        );
    }

    #[test]
    fn the_web_command() {
        for (files, expected) in [
            (&[("app.py", "from flask import Flask\napp = Flask(__name__)\n")][..], Some("gunicorn app:app")),
            (&[("main.py", "def application(env, start):\n    pass\n")], Some("gunicorn main:application")),
            (
                &[("wsgi.py", "application: object = make()\n"), ("app.py", "app = 1\n")],
                Some("gunicorn wsgi:application"),
            ),
            (&[("manage.py", ""), ("site/wsgi.py", "")], Some("gunicorn site.wsgi")),
            (&[("app.py", "apple = 1\n    app = 2\n")], None),
        ] {
            let venv = app(&[("bin/gunicorn", "")]);
            let app = app(files);
            assert_eq!(web_command(app.path(), venv.path()).unwrap().as_deref(), expected, "{files:?}");
            assert_eq!(web_command(app.path(), app.path()).unwrap(), None);
        }
    }
}
