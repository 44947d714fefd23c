//! The text of a PDF. Its lines are those of the page, so paragraphs are put together again.

/// Reads a PDF. May panic on broken ones: run it in [`super::guard`].
pub fn read(bytes: &[u8]) -> Result<String, String> {
    let text = pdf_extract::extract_text_from_mem(bytes).map_err(|error| reason(&error.to_string()))?;
    let text = paragraphs(&text);
    if text.is_empty() {
        return Err("it holds no text, only pictures maybe; recognise its text (OCR) first".into());
    }
    Ok(text)
}

fn reason(error: &str) -> String {
    let lower = error.to_lowercase();
    if lower.contains("crypt") || lower.contains("password") {
        return "it is encrypted; save it without a password".into();
    }
    let error = error.lines().next().unwrap_or_default();
    format!("it is no PDF that can be read ({error}); it may be cut short or damaged")
}

/// Lines joined into paragraphs, words that were divided at the end of a line put together.
fn paragraphs(text: &str) -> String {
    let mut paragraphs = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            is_inside = false;
            continue;
        }
        if !is_inside && !paragraphs.is_empty() {
            paragraphs.push_str("\n\n");
        } else if is_inside {
            join(&mut paragraphs, line);
        }
        paragraphs.push_str(line);
        is_inside = true;
    }
    paragraphs
}

fn join(before: &mut String, line: &str) {
    let is_divided = before.strip_suffix('-').is_some_and(|word| word.ends_with(char::is_lowercase))
        && line.starts_with(char::is_lowercase);
    if is_divided {
        before.pop();
    } else {
        before.push(' ');
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A PDF of one page with these lines, written by hand.
    pub fn pdf(lines: &[&str]) -> Vec<u8> {
        let shown: String = lines.iter().map(|line| format!("({line}) Tj T*\n")).collect();
        let content = format!("BT /F1 12 Tf 14 TL 72 720 Td\n{shown}ET");
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> \
             >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        ];
        let (mut file, mut places) = ("%PDF-1.4\n".to_owned(), String::new());
        for (number, object) in (1..).zip(&objects) {
            places += &format!("{:010} 00000 n \n", file.len());
            file += &format!("{number} 0 obj\n{object}\nendobj\n");
        }
        let table = file.len();
        let size = objects.len() + 1;
        file += &format!("xref\n0 {size}\n0000000000 65535 f \n{places}");
        file += &format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
        file.into_bytes()
    }

    #[test]
    fn lines_become_paragraphs() {
        let text = read(&pdf(&["The reservoir holds", "ninety litres of wa-", "ter."])).unwrap();
        assert_eq!(text, "The reservoir holds ninety litres of water.");
        assert_eq!(paragraphs("a\n\n\nb\nc-\nD\n"), "a\n\nb c- D");
    }

    #[test]
    fn a_pdf_that_is_cut_short_empty_or_nonsense_is_refused() {
        let whole = pdf(&["The reservoir holds ninety litres."]);
        for bytes in [&whole[..whole.len() / 2], &whole[..20], b"%PDF-1.7\n\xff\xff", &pdf(&[])] {
            let bytes = bytes.to_vec();
            assert!(super::super::guard::run(move || read(&bytes)).is_err());
        }
    }

    #[test]
    fn an_encrypted_pdf_says_so() {
        assert!(reason("PDF error: invalid password for decryption").contains("without a password"));
    }
}
