//! Bytes to text. Guessing an encoding makes nonsense that nobody notices, so what is not declared has to be UTF-8.
use encoding_rs::Encoding;

/// The text of `bytes`: by their byte order mark, else as UTF-8, else in the `declared` encoding.
pub fn text(bytes: &[u8], declared: Option<&str>) -> Result<String, String> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return decoded(&bytes[mark..], encoding);
    }
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return checked(text.to_owned()),
        Err(error) => error,
    };
    match declared.and_then(|name| Encoding::for_label(name.trim().as_bytes())) {
        Some(encoding) => decoded(bytes, encoding),
        None if bytes.contains(&0) => Err(NO_TEXT.into()),
        None => Err(format!("it is not UTF-8 text (byte {}); save it as UTF-8", error.valid_up_to())),
    }
}

const NO_TEXT: &str = "it is not a text file, though its name or type says so";

fn decoded(bytes: &[u8], encoding: &'static Encoding) -> Result<String, String> {
    let (text, is_broken) = encoding.decode_without_bom_handling(bytes);
    if is_broken {
        return Err(format!("it says that it is {} text, but it is not; save it as UTF-8", encoding.name()));
    }
    checked(text.into_owned())
}

fn checked(text: String) -> Result<String, String> {
    if text.contains('\0') { Err(NO_TEXT.into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_declarations_count_and_nothing_is_guessed() {
        assert_eq!(text(b"\xef\xbb\xbfCaf\xc3\xa9", None).unwrap(), "Café");
        assert_eq!(text(b"\xff\xfeH\0i\0", None).unwrap(), "Hi");
        assert_eq!(text(b"\xfe\xff\0H\0i", None).unwrap(), "Hi");
        assert_eq!(text(b"Caf\xe9", Some("iso-8859-1")).unwrap(), "Café");
        // What is UTF-8 is that, whatever a server says.
        assert_eq!(text("Café".as_bytes(), Some("iso-8859-1")).unwrap(), "Café");
        for (bytes, part) in [
            (&b"Caf\xe9"[..], "not UTF-8 text (byte 3)"),
            (b"a\0b", "not a text file"),
            (b"\x89PNG\0\0", "not a text file"),
            (b"\xef\xbb\xbfCaf\xe9", "UTF-8 text, but it is not"),
        ] {
            let error = text(bytes, Some("no-such-encoding")).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
