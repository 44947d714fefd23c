//! API keys: who has one. Only their hashes are kept.
use std::path::Path;

use anyhow::{Context, Result, bail};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

/// A shorter one could be guessed, characters.
const SHORTEST: usize = 24;
/// The longest that is looked at, characters.
const LONGEST: usize = 512;
const LONGEST_NAME: usize = 64;
/// Random bytes of a key that we make.
const RANDOM_BYTES: usize = 32;

/// Names with the hashes of their keys. A name may have several, e.g. the old key and the new one.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, [u8; 32])>);

impl Keys {
    /// The keys of the file, one `NAME KEY` a line, and of `listed`, `NAME=KEY` separated by commas.
    ///
    /// # Errors
    /// Says the line or the place in the list, never the key.
    pub fn read(file: Option<&Path>, listed: Option<&str>) -> Result<Self> {
        let mut keys = Self::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| {
                format!(
                    "access.keys_file {} cannot be read; `voce key NAME` makes a line of it",
                    path.display()
                )
            })?;
            keys.add_lines(&text).with_context(|| format!("access.keys_file {}", path.display()))?;
        }
        let listed = listed.unwrap_or_default().split(',').map(str::trim).filter(|one| !one.is_empty());
        for (at, one) in listed.enumerate() {
            let add = match one.split_once('=') {
                Some((name, key)) => keys.add(name.trim(), key.trim()),
                None => Err(anyhow::anyhow!("expected NAME=KEY")),
            };
            add.with_context(|| format!("VOCE_API_KEYS, entry {}", at + 1))?;
        }
        Ok(keys)
    }

    fn add_lines(&mut self, text: &str) -> Result<()> {
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let add = match words[..] {
                [name, key] => self.add(name, key),
                _ => Err(anyhow::anyhow!("expected NAME KEY, two words")),
            };
            add.with_context(|| format!("line {}", at + 1))?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, key: &str) -> Result<()> {
        check_name(name)?;
        let length = key.chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            // The name is not shown: where the two were swapped it is the key.
            bail!(
                "the key is no good: expected {SHORTEST} to {LONGEST} visible ASCII characters, not {length}; \
                 `voce key NAME` makes one"
            );
        }
        let hash = hash(key);
        if self.0.iter().any(|(other, known)| *known == hash && other != name) {
            bail!("the key is another name's too; `voce key NAME` makes one of its own");
        }
        self.0.push((name.to_owned(), hash));
        Ok(())
    }

    /// Whose key this is. Takes as long whichever it is, and whether it is one.
    pub fn name_of(&self, key: &str) -> Option<&str> {
        if key.len() > LONGEST {
            return None;
        }
        let said = hash(key);
        let mut found = None;
        for (name, known) in &self.0 {
            let differs = known.iter().zip(&said).fold(0, |sum, (one, other)| sum | (one ^ other));
            if std::hint::black_box(differs) == 0 {
                found = Some(name.as_str());
            }
        }
        found
    }

    /// Whether someone has a key under this name.
    pub fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who has one, each name once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// A key that nobody has yet.
///
/// # Errors
/// If the system has no random numbers.
pub fn fresh() -> Result<String> {
    Ok(format!("voce_{}", random_hex(RANDOM_BYTES)?))
}

/// That many random bytes, in hexadecimal digits.
pub fn random_hex(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Refuses what could be taken for an address or a separator.
pub fn check_name(name: &str) -> Result<()> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        // What stands in the place of a name may be a key.
        bail!("a key's name has 1 to {LONGEST_NAME} letters, digits, - or _");
    }
    Ok(())
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SHOP: &str = "voce_00000000000000000000000000000001";
    const DESK: &str = "voce_00000000000000000000000000000002";
    const NEW: &str = "voce_00000000000000000000000000000003";

    fn of_file(text: &str) -> Result<Keys> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Keys::read(Some(file.path()), None)
    }

    #[test]
    fn keys_of_file_and_list_are_found_by_their_holders() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# who may call\n\nshop {SHOP}\nshop\t{NEW}").unwrap();
        let keys = Keys::read(Some(file.path()), Some(&format!("desk={DESK},"))).unwrap();
        for (key, name) in [(SHOP, Some("shop")), (NEW, Some("shop")), (DESK, Some("desk")), ("", None)] {
            assert_eq!(keys.name_of(key), name);
        }
        assert_eq!(keys.name_of(&SHOP[1..]), None);
        assert_eq!(keys.names(), ["desk", "shop"]);
        assert!(keys.knows("shop") && !keys.knows("shops") && !keys.is_empty());
        assert!(!format!("{keys:?}").contains(SHOP));
    }

    #[test]
    fn what_is_wrong_is_said_by_its_line_and_without_the_key() {
        for (text, words) in [
            (format!("shop {SHOP}\n\nshop"), "line 3: expected NAME KEY"),
            ("shop secret".to_owned(), "line 1: the key is no good: expected 24"),
            (format!("127.0.0.1 {SHOP}"), "line 1: a key's name"),
            (format!("{SHOP} shop"), "line 1: the key is no good"),
            (format!("shop {SHOP}\ndesk {SHOP}"), "line 2: the key is another name's too"),
        ] {
            let error = format!("{:#}", of_file(&text).unwrap_err());
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("secret") && !error.contains(SHOP), "{error}");
        }
        let error = format!("{:#}", Keys::read(None, Some(&format!("shop={SHOP},{DESK}"))).unwrap_err());
        assert!(
            error.contains("VOCE_API_KEYS, entry 2: expected NAME=KEY") && !error.contains(DESK),
            "{error}"
        );
        let error = format!("{:#}", Keys::read(Some(Path::new("/nowhere/keys")), None).unwrap_err());
        assert!(error.contains("/nowhere/keys cannot be read"), "{error}");
    }

    #[test]
    fn a_fresh_key_is_taken_and_no_two_are_alike() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 5 + 64);
        assert_eq!(of_file(&format!("shop {one}")).unwrap().name_of(&one), Some("shop"));
    }
}
