//! Where the registries and the model hub are, read from the variables and files that pip, npm and the hub's
//! own tools read, so that a mirror set up for those serves us too.
use std::path::{Path, PathBuf};

const PYTHON_INDEX: &str = "https://pypi.org/simple";
const NPM_REGISTRY: &str = "https://registry.npmjs.org";
const HUB: &str = "https://huggingface.co";

/// The addresses that a pull uses.
#[derive(Clone, PartialEq, Eq)]
pub struct Places {
    /// Base address of the Python package index, without a slash at the end.
    pub python_index: String,
    /// Base address of the npm registry, without a slash at the end.
    pub npm_registry: String,
    /// The model hub.
    pub hub: Hub,
}

/// The model hub and its cache on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Hub {
    /// `HF_ENDPOINT`, without a slash at the end.
    pub endpoint: String,
    /// `HF_HUB_CACHE`, else `$HF_HOME/hub`, else the hub tools' default.
    pub cache: PathBuf,
    /// `HF_TOKEN`, else what the hub's login command left.
    pub token: Option<String>,
    /// `HF_HUB_OFFLINE`: only the cache is asked.
    pub offline: bool,
}

// By hand, so that no token and no address with a password reaches a log.
impl std::fmt::Debug for Places {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Places").field("hub_cache", &self.hub.cache).finish_non_exhaustive()
    }
}

impl Places {
    /// What this process's environment and this user's files say.
    pub fn from_environment() -> Self {
        Self::read(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The same from any source of variables. Files are looked for below `HOME` as given there.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let home = PathBuf::from(variable("HOME").unwrap_or_default());
        let python = variable("PIP_INDEX_URL")
            .or_else(|| variable("UV_DEFAULT_INDEX"))
            .or_else(|| pip_files(variable, &home).iter().find_map(|file| setting(file, "index-url")));
        let npm = variable("npm_config_registry")
            .or_else(|| variable("NPM_CONFIG_REGISTRY"))
            .or_else(|| npm_files(&home).iter().find_map(|file| setting(file, "registry")));
        Self {
            python_index: trimmed(python.as_deref().unwrap_or(PYTHON_INDEX)),
            npm_registry: trimmed(npm.as_deref().unwrap_or(NPM_REGISTRY)),
            hub: Hub::read(variable, &home),
        }
    }
}

impl Hub {
    fn read(variable: &dyn Fn(&str) -> Option<String>, home: &Path) -> Self {
        let user_cache = variable("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        let hub_home = variable("HF_HOME").map_or_else(|| user_cache.join("huggingface"), PathBuf::from);
        let cache = variable("HF_HUB_CACHE").map_or_else(|| hub_home.join("hub"), PathBuf::from);
        let left = || {
            let path = variable("HF_TOKEN_PATH").map_or_else(|| hub_home.join("token"), PathBuf::from);
            std::fs::read_to_string(path).ok()
        };
        let token = variable("HF_TOKEN").or_else(left).map(|token| token.trim().to_owned());
        let offline = variable("HF_HUB_OFFLINE")
            .is_some_and(|value| matches!(value.to_lowercase().as_str(), "1" | "true" | "yes" | "on"));
        let endpoint = trimmed(variable("HF_ENDPOINT").as_deref().unwrap_or(HUB));
        Self { endpoint, cache, token: token.filter(|token| !token.is_empty()), offline }
    }
}

/// The files that pip reads, the strongest first.
fn pip_files(variable: &dyn Fn(&str) -> Option<String>, home: &Path) -> Vec<PathBuf> {
    let config = variable("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    let mut files: Vec<PathBuf> = variable("PIP_CONFIG_FILE").map(PathBuf::from).into_iter().collect();
    files.extend(variable("VIRTUAL_ENV").map(|venv| Path::new(&venv).join("pip.conf")));
    files.extend([config.join("pip/pip.conf"), home.join(".pip/pip.conf"), "/etc/pip.conf".into()]);
    files
}

/// The files that npm reads, the strongest first.
fn npm_files(home: &Path) -> Vec<PathBuf> {
    vec![home.join(".npmrc"), "/etc/npmrc".into(), "/usr/local/etc/npmrc".into(), "/usr/etc/npmrc".into()]
}

/// The value of `key = value` in an INI file; sections are not told apart, the keys we ask for need it not.
fn setting(file: &Path, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let named = name.trim().replace('_', "-") == key;
        let value = value.trim().trim_matches('"');
        (named && !value.is_empty()).then(|| value.to_owned())
    })
}

fn trimmed(address: &str) -> String {
    address.trim().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Places {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Places::read(&|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn variables_of_pip_npm_and_the_hub_name_the_places() {
        let places = read(&[
            ("PIP_INDEX_URL", "http://127.0.0.1:1/simple/"),
            ("npm_config_registry", "http://127.0.0.1:2/"),
            ("HF_ENDPOINT", "http://127.0.0.1:3/"),
            ("HF_TOKEN", "secret"),
            ("HF_HOME", "/hub"),
            ("HF_HUB_OFFLINE", "1"),
        ]);
        assert_eq!(places.python_index, "http://127.0.0.1:1/simple");
        assert_eq!(places.npm_registry, "http://127.0.0.1:2");
        assert_eq!(places.hub.endpoint, "http://127.0.0.1:3");
        assert_eq!(places.hub.cache, Path::new("/hub/hub"));
        assert!(places.hub.offline);
        assert!(!format!("{places:?}").contains("secret"));
    }

    #[test]
    fn files_of_pip_and_npm_are_read_where_no_variable_is_set() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".config/pip")).unwrap();
        let pip = "[global]\ntimeout = 5\nindex-url = http://127.0.0.1:4/simple\n";
        std::fs::write(home.path().join(".config/pip/pip.conf"), pip).unwrap();
        std::fs::write(home.path().join(".npmrc"), "fund=false\nregistry=http://127.0.0.1:5/\n").unwrap();
        std::fs::create_dir_all(home.path().join(".cache/huggingface")).unwrap();
        std::fs::write(home.path().join(".cache/huggingface/token"), "left\n").unwrap();
        let places = read(&[("HOME", home.path().to_str().unwrap())]);
        assert_eq!(places.python_index, "http://127.0.0.1:4/simple");
        assert_eq!(places.npm_registry, "http://127.0.0.1:5");
        assert_eq!(places.hub.cache, home.path().join(".cache/huggingface/hub"));
        assert_eq!(places.hub.token.as_deref(), Some("left"));
    }
}
