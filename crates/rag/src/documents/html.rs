//! HTML to Markdown: what stands in the page, without what stands around it.
use std::rc::Rc;

use htmd::{
    HtmlToMarkdown, Node,
    options::{BulletListMarker, HeadingStyle, Options},
};

use super::guard;

/// What is no content of a page.
const LEFT_OUT: &[&str] = &[
    "nav", "script", "style", "footer", "noscript", "template", "svg", "form", "button", "select", "iframe",
    "object", "audio", "video", "canvas", "dialog", "head", "img", "picture",
];
/// Elements without content, or whose end need not be written.
const WITHOUT_END: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup",
    "colgroup", "rp", "rt", "html", "head", "body",
];

/// A page.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Its title, where it has no heading that says it.
    pub title: String,
    /// Its text.
    pub markdown: String,
}

/// Reads a page.
pub fn read(html: &str) -> Result<Page, String> {
    guard::check_depth(html, |name, is_closed| is_closed || WITHOUT_END.contains(&name))?;
    let content = main(html).unwrap_or(html);
    let options = Options {
        heading_style: HeadingStyle::Atx,
        bullet_list_marker: BulletListMarker::Dash,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let converter = HtmlToMarkdown::builder().options(options).skip_tags(LEFT_OUT.to_vec()).build();
    let tree =
        converter.html_to_tree(content).map_err(|error| format!("its HTML cannot be read: {error}"))?;
    check_tree(&tree)?;
    let markdown = converter.tree_to_markdown(&tree);
    let has_heading = markdown.lines().any(|line| line.starts_with("# "));
    let title = if has_heading { String::new() } else { title(html) };
    Ok(Page { title, markdown })
}

/// The same as [`guard::check_depth`], exactly, of what became of the page: the converter goes down by recursion.
fn check_tree(tree: &Rc<Node>) -> Result<(), String> {
    let mut open = vec![(tree.clone(), 0)];
    while let Some((node, depth)) = open.pop() {
        // Some elements are put in by the parser.
        if depth > 2 * guard::DEEPEST {
            return Err(guard::too_deep());
        }
        open.extend(node.children.borrow().iter().map(|child| (child.clone(), depth + 1)));
    }
    Ok(())
}

/// The encoding that a page declares in its first kilobyte.
pub fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'', ' ']);
    let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_:".contains(letter));
    Some(name[..end?].to_owned())
}

/// What stands between the only `<main>` and its end.
fn main(html: &str) -> Option<&str> {
    let lower = html.to_ascii_lowercase();
    let mut starts = lower
        .match_indices("<main")
        .filter(|(at, _)| lower[at + 5..].starts_with(['>', ' ', '\t', '\r', '\n']));
    let ((start, _), None) = (starts.next()?, starts.next()) else { return None };
    let end = lower.rfind("</main")?;
    (start < end).then(|| &html[start..end])
}

fn title(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let between = lower.find("<title").and_then(|start| {
        let start = start + lower[start..].find('>')? + 1;
        Some(start..start + lower[start..].find("</title")?)
    });
    let Some(between) = between else { return String::new() };
    // The converter knows the character references.
    let words = htmd::convert(&html[between]).unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_lists_tables_and_code_become_markdown_and_navigation_goes() {
        let html = "<html><head><title>Pump &amp; more</title><style>p{}</style></head><body>\
            <nav><a href='/'>Home</a></nav><h1>Pump</h1><p>It runs <b>quietly</b>.</p>\
            <ul><li>one</li><li>two</li></ul>\
            <table><tr><th>Model</th><th>Price</th></tr><tr><td>P1</td><td>59</td></tr></table>\
            <pre><code>run()</code></pre><script>evil()</script><footer>Imprint</footer></body></html>";
        let page = read(html).unwrap();
        assert_eq!(page.title, "");
        for part in
            ["# Pump", "It runs **quietly**.", "- one\n- two", "| Model | Price |", "| P1", "```\nrun()\n```"]
        {
            assert!(page.markdown.contains(part), "{part}: {}", page.markdown);
        }
        for part in ["Home", "evil", "Imprint", "p{}", "more"] {
            assert!(!page.markdown.contains(part), "{part}: {}", page.markdown);
        }
    }

    #[test]
    fn a_page_without_a_heading_has_its_title_and_main_wins() {
        let html =
            "<title>Opening\n hours &amp; days</title><div>Menu</div><main class=a><p>Eight.</p></main><p>Ad";
        let page = read(html).unwrap();
        assert_eq!((page.title.as_str(), page.markdown.as_str()), ("Opening hours & days", "Eight."));
    }

    #[test]
    fn a_page_that_is_nested_without_end_is_refused_at_once() {
        let html = "<div><b>x".repeat(1_000_000);
        assert!(read(&html).unwrap_err().contains("deep"));
        // What looks closed is not, in HTML.
        assert!(
            read(&"<b><i/>".repeat(900))
                .unwrap_or_else(|_| panic!("it is not that deep"))
                .markdown
                .is_empty()
        );
        assert!(read(&"<i/>x".repeat(3_000)).unwrap_err().contains("deep"));
        // Paragraphs and cells that nobody ends are no depth.
        let html = format!("<table>{}</table>{}", "<tr><td>a".repeat(3_000), "<p>words".repeat(3_000));
        assert!(read(&html).unwrap().markdown.contains("words"));
    }

    #[test]
    fn as_deep_as_is_allowed_fits_on_the_stack() {
        let html = format!("{}x{}", "<div>".repeat(990), "</div>".repeat(990));
        assert_eq!(guard::run(move || read(&html)).unwrap().markdown, "x");
    }

    #[test]
    fn encodings_are_found_in_both_forms() {
        assert_eq!(declared_encoding(b"<meta charset=\"windows-1252\">").as_deref(), Some("windows-1252"));
        let old = b"<META http-equiv=Content-Type content='text/html; charset=ISO-8859-1'>";
        assert_eq!(declared_encoding(old).as_deref(), Some("iso-8859-1"));
        assert_eq!(declared_encoding(b"<p>"), None);
    }
}
